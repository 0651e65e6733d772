// The browser of the tests: CHROMIUM, a path or a name on the path, else Debian's.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export function browserPath() {
  const wanted = process.env.CHROMIUM ?? "chromium";
  if (wanted.includes("/")) return wanted;
  const runs = (path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  const found = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, wanted)).find(runs);
  if (!found) throw new Error(`no ${wanted} on the path: set CHROMIUM`);
  return found;
}
