/** Keeps the page for when there is no network: every file of it, of one version at a time. */

importScripts("files.js"); // self.SITE = { version, files }

const { version, files } = self.SITE;
// Others at the same address have caches of their own.
const OURS = `mnist-edge ${self.registration.scope} `;

self.addEventListener("install", (event) => {
  const fresh = files.map((name) => new Request(name, { cache: "reload" }));
  event.waitUntil(caches.open(OURS + version).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys().then((names) => {
      const old = names.filter((name) => name.startsWith(OURS) && name !== OURS + version);
      return Promise.all(old.map((name) => caches.delete(name)));
    }),
  );
});

self.addEventListener("fetch", (event) => {
  event.respondWith(
    caches
      .open(OURS + version)
      .then((cache) => cache.match(event.request, { ignoreSearch: true }))
      .then((kept) => kept ?? fetch(event.request)),
  );
});
