// The page Verse.

import { PageHead } from "../ui/display";

export default function VersePage() {
  return <PageHead title="Verse" />;
}
