// How the app looks, how it is installed, and what it is.

import { install, installOffer } from "../../prompts";
import { theme } from "../../state";
import type { Theme } from "../../theme";
import { Button, Segmented } from "../../ui/controls";
import { Card } from "../../ui/display";
import { useTexts } from "../add/texts";

export function Appearance() {
  return (
    <Card class="stack tight">
      <h2>Appearance</h2>
      <Segmented<Theme>
        label="Colours"
        value={theme.value}
        choices={[
          { value: "auto", label: "As the device" },
          { value: "light", label: "Light" },
          { value: "dark", label: "Dark" },
        ]}
        onChange={(value) => (theme.value = value)}
      />
    </Card>
  );
}

/** Only where the browser offers it. */
export function Install() {
  if (!installOffer.value) return null;
  return (
    <Card class="line between">
      <div>
        <h2>Install Verses</h2>
        <p class="soft small">It opens like any other app, and works without a network.</p>
      </div>
      <Button icon="install" onClick={() => void install()}>Install</Button>
    </Card>
  );
}

export function About() {
  const texts = useTexts().data ?? [];
  return (
    <Card class="stack tight">
      <h2>About Verses</h2>
      <p>Version {__VERSION__}. Open source, under the MIT or the Apache 2.0 licence.</p>
      {texts.map((it) => <p key={it.translation} class="soft small">{it.title}: {it.licence}.</p>)}
    </Card>
  );
}
