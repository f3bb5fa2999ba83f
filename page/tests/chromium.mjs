// Chromium with an own empty profile, which asks no service of its maker.

import { chromium } from "playwright-core";

export function launch(path) {
  const args = [
    "--no-sandbox", // as root, Chromium starts with none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return chromium.launch({ executablePath: path, args });
}
