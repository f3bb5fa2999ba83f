// A change that many events announce, and that is shown once a frame.

import { signal } from "@preact/signals";

export class Frames {
  private readonly version = signal(0);
  private isAsked = false;

  /** Read this in a component to draw it again after a change. */
  read(): number {
    return this.version.value;
  }

  /** Show a change with the next frame, or later, where it takes long to draw. */
  ask(milliseconds = 0): void {
    if (this.isAsked) return;
    this.isAsked = true;
    const show = () => {
      this.isAsked = false;
      this.version.value++;
    };
    // A page that is not shown has no frames, and must not be behind when it is shown again.
    if (milliseconds || document.hidden) setTimeout(show, milliseconds || 100);
    else requestAnimationFrame(show);
  }
}
