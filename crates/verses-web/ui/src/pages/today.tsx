// Today: what is due, one passage at a time.

import { PageHead } from "../ui/display";

export function Today() {
  return <PageHead title="Today" />;
}
