/**
 * Keeps the page for when there is no network, of one version at a time: at once all that drawings
 * take, and what reads pictures, which is a hundred times as much, once it was asked for.
 */

importScripts("files.js"); // self.SITE = { version, files }

const { version, files } = self.SITE;
// Others at the same address have caches of their own.
const OURS = `mnist-edge ${self.registration.scope} `;

const later = files.filter((name) => name.startsWith("runtime/") || name.endsWith(".onnx"));

self.addEventListener("install", (event) => {
  const now = files.filter((name) => !later.includes(name));
  const fresh = now.map((name) => new Request(name, { cache: "reload" }));
  event.waitUntil(caches.open(OURS + version).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys().then((names) => {
      const old = names.filter((name) => name.startsWith(OURS) && name !== OURS + version);
      return Promise.all([self.clients.claim(), ...old.map((name) => caches.delete(name))]);
    }),
  );
});

self.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const cache = await caches.open(OURS + version);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const name = request.url.slice(self.registration.scope.length);
  if (!later.includes(name)) return fetch(request);
  const fresh = await fetch(request, { cache: "reload" }); // not what another version left there
  if (fresh.ok) await cache.put(request, fresh.clone());
  return fresh;
}
