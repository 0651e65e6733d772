// The page Library.

import { PageHead } from "../ui/display";

export default function LibraryPage() {
  return <PageHead title="Library" />;
}
