// Addresses of views, in the fragment: #/record/ID?user=ada.

export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  let id = rest.join("/");
  try {
    id = decodeURIComponent(id);
  } catch {
    // An id that is no escape stays as it is.
  }
  return { name: name || "timeline", id, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function route() {
  return parse(location.hash);
}

// The address of a view, for the same user unless another is named.
export function to(name, id = "", query = {}) {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries({ user: route().query.user, ...query })) {
    if (value) parameters.set(key, value);
  }
  const search = parameters.toString();
  return `#/${name}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}

export function go(hash, replace = false) {
  if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else if (location.hash === hash) {
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}
