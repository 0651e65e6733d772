// Settings: account, profile, appearance, texts, syncing, one's data, and what the app is.

import { overview } from "../state";
import { PageHead } from "../ui/display";
import { About, Appearance, Install } from "./settings/about";
import { Account } from "./settings/account";
import { YourData } from "./settings/data";
import { Profile } from "./settings/profile";
import { Syncing } from "./settings/syncing";
import { Texts } from "./settings/texts";

export default function SettingsPage() {
  const seen = overview.value;
  return (
    <>
      <PageHead title="Settings" />
      <div class="stack">
        {seen && <Account seen={seen} />}
        <Install />
        <Profile />
        <Appearance />
        <Texts />
        <Syncing />
        <YourData />
        <About />
      </div>
    </>
  );
}
