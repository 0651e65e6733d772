// The page Progress.

import { PageHead } from "../ui/display";

export default function ProgressPage() {
  return <PageHead title="Progress" />;
}
