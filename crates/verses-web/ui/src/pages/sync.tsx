// The page Sync.

import { PageHead } from "../ui/display";

export default function SyncPage() {
  return <PageHead title="Sync" />;
}
