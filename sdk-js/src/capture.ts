import type { EdgewiseApi, Properties } from "./types.js";

/** What can be captured, and under which names it is told: Plausible's for forms and links, Segment's for videos. */
const CAPTURES = { forms: captureForms, downloads: captureDownloads, outbound: captureOutbound, video: captureVideo };

/** One kind of what visitors do on any page. */
export type Captured = keyof typeof CAPTURES;

type Track = (event: string, properties: Properties) => void;

/**
 * Tells of what visitors do on any page: `Form: Submission`, `File Download`, `Outbound Link: Click`, and for videos
 * `Video Playback Started`, `Video Content Playing` (at a quarter, half, three quarters) and `Video Playback Completed`.
 *
 * Of an address no query is told, of a form none of its fields. What has an event of its own (`data-edgewise-event`) tells that.
 */
export function capture(client: Pick<EdgewiseApi, "track">, kinds: Captured[] = Object.keys(CAPTURES) as Captured[]): void {
  for (const kind of kinds) CAPTURES[kind]((event, properties) => client.track(event, properties));
}

const FILE =
  /\.(7z|aac|apk|avi|csv|dmg|docx?|epub|exe|gz|ics|iso|jar|key|midi?|mov|mp[34]|mpe?g|msi|odp|ods|odt|ogg|pdf|pkg|pps|pptx?|rar|rpm|rtf|tar|tgz|txt|vcf|wav|wma|wmv|xlsx?|xml|zip)$/i;

const MARKS = [25, 50, 75];

function captureForms(track: Track): void {
  document.addEventListener(
    "submit",
    ({ target }) => {
      const form = target as HTMLFormElement;
      if (hasItsOwnEvent(form)) return;
      // A field may be called like a property of the form, and then hides it.
      const [id, name, action] = ["id", "name", "action"].map((attribute) => form.getAttribute(attribute) ?? undefined);
      track("Form: Submission", { id, name, url: addressOf(new URL(action ?? "", location.href)) });
    },
    true,
  );
}

function captureDownloads(track: Track): void {
  onLink((link, url) => {
    if (isFile(link, url))
      track("File Download", { url: addressOf(url), extension: FILE.exec(url.pathname)?.[1]?.toLowerCase() });
  });
}

function captureOutbound(track: Track): void {
  onLink((link, url) => {
    if (url.host !== location.host && !isFile(link, url)) track("Outbound Link: Click", { url: addressOf(url) });
  });
}

/** Links that lead to a page or a file, when they are followed: also by the middle button. */
function onLink(followed: (link: HTMLAnchorElement, url: URL) => void): void {
  const pressed = (event: MouseEvent) => {
    // The link may be in the shadow tree of a component.
    const link = event.composedPath().find((one): one is HTMLAnchorElement => one instanceof HTMLAnchorElement && !!one.href);
    if (!link || event.button > 1 || hasItsOwnEvent(link) || !/^https?:$/.test(link.protocol)) return;
    followed(link, new URL(link.href));
  };
  document.addEventListener("click", pressed, true);
  document.addEventListener("auxclick", pressed, true);
}

function captureVideo(track: Track): void {
  /** How far each video has come: -1 before its start, 100 at its end. */
  const reached = new WeakMap<HTMLVideoElement, number>();

  const on = (type: string, happened: (video: HTMLVideoElement) => void) =>
    // These events do not bubble.
    document.addEventListener(
      type,
      ({ target }) => target instanceof HTMLVideoElement && !isDecoration(target) && happened(target),
      true,
    );

  const reach = (video: HTMLVideoElement, mark: number, event: string) => {
    if ((reached.get(video) ?? -1) >= mark) return;
    reached.set(video, mark);
    const { currentSrc, duration, currentTime, title } = video;
    track(event, {
      url: /^https?:/.test(currentSrc) ? addressOf(new URL(currentSrc)) : undefined,
      title: title || video.getAttribute("aria-label") || undefined,
      position: Math.round(currentTime),
      total_length: Number.isFinite(duration) ? Math.round(duration) : undefined,
      percent: mark || undefined,
    });
  };

  on("playing", (video) => reach(video, 0, "Video Playback Started"));
  on("timeupdate", (video) => {
    const percent = (video.currentTime / video.duration) * 100;
    // Who skips ahead has reached the last mark before, and is told of once.
    const mark = MARKS.filter((one) => one <= percent).pop();
    if (mark && !video.seeking) reach(video, mark, "Video Content Playing");
  });
  on("ended", (video) => reach(video, 100, "Video Playback Completed"));
  // Another film in the same element.
  on("emptied", (video) => reached.delete(video));
}

const hasItsOwnEvent = (element: Element) => !!element.closest("[data-edgewise-event]");

const isFile = (link: HTMLAnchorElement, url: URL) => link.hasAttribute("download") || FILE.test(url.pathname);

/** What moves in the background is watched by nobody. */
const isDecoration = (video: HTMLVideoElement) => video.autoplay && video.loop && video.muted;

/** Queries hold sessions, searches and names of people. */
const addressOf = (url: URL) => url.origin + url.pathname;
