// The page Add.

import { PageHead } from "../ui/display";

export default function AddPage() {
  return <PageHead title="Add" />;
}
