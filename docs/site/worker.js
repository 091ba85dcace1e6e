// A page that is opened from a folder may not start a worker, so its search runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      this.inner = this.frame.contentWindow;
      this.inner.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
      const script = this.frame.contentDocument.createElement("script");
      this.loaded = new Promise((resolve) => { script.onload = resolve; });
      script.onerror = (error) => this.onerror?.(error);
      script.src = new URL(url, location.href);
      this.frame.contentDocument.body.append(script);
    }
    postMessage(data) { this.loaded.then(() => this.inner.onmessage({ data })); }
    terminate() { this.frame.remove(); }
  };
}
