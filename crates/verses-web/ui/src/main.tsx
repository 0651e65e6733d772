// The page begins here: takes the place of what index.html shows, and starts the rest.

import { render } from "preact";
import { followPage } from "./background";
import { port } from "./engine/client";
import { listenForInstall, registerServiceWorker } from "./prompts";
import { askAhead } from "./query";
import { route, startRouter } from "./router";
import { App } from "./shell/App";
import { start } from "./state";

listenForInstall();
startRouter();
// What is due comes first, and what else is asked for would make it wait.
start(route.value.page === "today" ? askAhead("due", {}) : Promise.resolve());
followPage(port);

const root = document.getElementById("app");
if (root) {
  // In one task, so that nothing in between is painted: the first picture of the app is that of index.html.
  root.textContent = "";
  render(<App />, root);
}

// After the first answers, so that it takes nothing from them on a slow network.
addEventListener("load", () => void registerServiceWorker());
if (document.readyState === "complete") void registerServiceWorker();
