// The colours that were chosen: kept, and put on the page. Which colours there are is in styles/tokens.css.

import { remember, remembered } from "./remembered";

export type Theme = "auto" | "light" | "dark";

const THEME_KEY = "verses.theme";

export function rememberedTheme(): Theme {
  const known = remembered(THEME_KEY);
  return known === "light" || known === "dark" ? known : "auto";
}

export function rememberTheme(theme: Theme): void {
  remember(THEME_KEY, theme);
}

/** Also on what the browser or the phone draws around the page: of the two colours for that, a chosen theme's holds always. */
export function showTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const colour of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    const own = colour.dataset.of;
    colour.media = theme === "auto" ? `(prefers-color-scheme: ${own})` : theme === own ? "" : "not all";
  }
}
