// Writes components without hooks as HTML, for what index.html shows before any script runs.

const VOID = new Set(["path", "img", "input", "br", "hr"]);

const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

export function toHtml(node) {
  if (node === null || node === undefined || typeof node === "boolean") return "";
  if (Array.isArray(node)) return node.map(toHtml).join("");
  if (typeof node !== "object") return escape(node);
  const { type, props } = node;
  if (typeof type === "function") return toHtml(type(props));
  if ("style" in props) throw new Error(`<${type} style>: the content policy allows no style attributes`);
  const attributes = Object.entries(props)
    .filter(([name, value]) => name !== "children" && value !== undefined && value !== null && value !== false)
    .filter(([, value]) => typeof value !== "function")
    .map(([name, value]) => ` ${name === "tabIndex" ? "tabindex" : name}="${value === true ? "" : escape(value)}"`)
    .join("");
  const open = `<${type}${attributes}>`;
  return VOID.has(type) && !props.children ? (type === "path" ? `<path${attributes}/>` : open) : `${open}${toHtml(props.children)}</${type}>`;
}
