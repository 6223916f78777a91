// The page itself, kept for when there is no network: without this, a reload offline would show the browser's error page, and
// what waits in the outbox would wait unseen. It keeps nothing of the chat: messages are in IndexedDB.
const CACHE = "chat-page";
const TITLE = "<title>Holdfast chat</title>";

self.addEventListener("install", (event) => {
  event.waitUntil(keepPage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === "/") event.respondWith(keepPage().catch(() => caches.match("/")));
  else if (pathname.startsWith("/assets/") || pathname === "/icon.svg") event.respondWith(kept(request));
});

/** The page as the server has it now, kept with all that it loads; what an older one loaded is let go. */
async function keepPage() {
  const response = await fetch("/");
  if (!response.ok) return response;
  const html = await response.clone().text();
  if (!html.includes(TITLE)) {
    // Another server has this address now, and gets it back as it was.
    await self.registration.unregister();
    return response;
  }
  const cache = await caches.open(CACHE);
  const files = ["/icon.svg", ...[...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, file]) => file)];
  await Promise.all(files.map(async (file) => (await cache.match(file)) ?? cache.add(file)));
  await cache.put("/", response.clone());
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== "/" && !files.includes(pathname)) await cache.delete(pathname);
  }
  return response;
}

async function kept(request) {
  return (await caches.match(request)) ?? fetch(request);
}
