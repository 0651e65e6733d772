// The page Settings.

import { PageHead } from "../ui/display";

export default function SettingsPage() {
  return <PageHead title="Settings" />;
}
