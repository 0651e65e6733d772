// The translations that can be kept on this device, and how far they are: asked once, then as the engine tells.

import { useEffect, useState } from "preact/hooks";
import type { TextState } from "../../engine/api";
import { onEvent } from "../../engine/client";
import { type Query, useQuery } from "../../query";

export function useTexts(): Query<TextState[]> {
  const query = useQuery("texts", {});
  const [told, setTold] = useState<Record<string, TextState>>({});
  useEffect(
    () => onEvent((event) => {
      if (event.event === "texts") setTold((old) => ({ ...old, [event.state.translation]: event.state }));
    }),
    [],
  );
  // An answer is newer than what was told before it.
  useEffect(() => setTold({}), [query.data]);
  return { ...query, data: query.data?.map((it) => told[it.translation] ?? it) };
}
