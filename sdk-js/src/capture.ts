import { findLink } from "./find-link.js";
import type { EdgewiseApi, Properties } from "./types.js";

const CAPTURES = { forms: captureForms, downloads: captureDownloads, outbound: captureOutbound, video: captureVideo };

/** A kind of interaction that any page may have. */
export type Captured = keyof typeof CAPTURES;

type Track = (event: string, properties: Properties) => void;

/**
 * Tracks common interactions. The names of events are Plausible's for forms and links, and Segment's for videos:
 * `Form: Submission`, `File Download`, `Outbound Link: Click`, `Video Playback Started`, `Video Content Playing` (at a
 * quarter, half and three quarters) and `Video Playback Completed`.
 *
 * Addresses are sent without their query, and forms without their fields. Elements with an event of their own
 * (`data-edgewise-event`) report only that.
 */
export function capture(
  client: Pick<EdgewiseApi, "track">,
  kinds: Captured[] = Object.keys(CAPTURES) as Captured[],
): void {
  for (const kind of kinds) CAPTURES[kind]((event, properties) => client.track(event, properties));
}

const FILE_EXTENSIONS = (
  "7z aac apk avi csv dmg doc docx epub exe gz ics iso jar key mid midi mov mp3 mp4 mpeg mpg msi odp ods odt ogg " +
  "pdf pkg pps ppt pptx rar rpm rtf tar tgz txt vcf wav wma wmv xls xlsx xml zip"
).split(" ");

/** Percentages of a video. */
const MILESTONES = [25, 50, 75];
const START = 0;
const END = 100;

function captureForms(track: Track): void {
  const report = (form: HTMLFormElement) => {
    // Not `form.action`: a field with the name "action" would shadow that property.
    const [id, name, action] = ["id", "name", "action"].map((attribute) => form.getAttribute(attribute) ?? undefined);
    track("Form: Submission", { id, name, url: withoutQuery(new URL(action ?? "", location.href)) });
  };
  const onSubmit = (event: SubmitEvent) => {
    const form = event.target as HTMLFormElement;
    // The page may still prevent the submission. The browser leaves the page later than that.
    if (!hasOwnEvent(form)) setTimeout(() => event.defaultPrevented || report(form));
  };
  document.addEventListener("submit", onSubmit, true);
}

function captureDownloads(track: Track): void {
  onLinkClick((link, url) => {
    if (isDownload(link, url)) track("File Download", { url: withoutQuery(url), extension: extensionOf(url) });
  });
}

function captureOutbound(track: Track): void {
  onLinkClick((link, url) => {
    if (url.host !== location.host && !isDownload(link, url)) track("Outbound Link: Click", { url: withoutQuery(url) });
  });
}

/** Handles clicks on web links, also with the middle button, which opens a tab. */
function onLinkClick(handler: (link: HTMLAnchorElement, url: URL) => void): void {
  const onClick = (event: MouseEvent) => {
    const link = findLink(event);
    if (!link || !isWeb(link) || event.button > 1 || hasOwnEvent(link)) return;
    handler(link, new URL(link.href));
  };
  document.addEventListener("click", onClick, true);
  document.addEventListener("auxclick", onClick, true);
}

function captureVideo(track: Track): void {
  /** The last milestone of each video. */
  const reached = new WeakMap<HTMLVideoElement, number>();

  const on = (type: string, handler: (video: HTMLVideoElement) => void) => {
    const onEvent = ({ target }: Event) => {
      if (target instanceof HTMLVideoElement && !isDecoration(target)) handler(target);
    };
    // Media events do not bubble, but they can be captured.
    document.addEventListener(type, onEvent, true);
  };

  const reach = (video: HTMLVideoElement, milestone: number, event: string) => {
    if ((reached.get(video) ?? -1) >= milestone) return;
    reached.set(video, milestone);
    const { currentSrc, duration, currentTime, title } = video;
    track(event, {
      url: videoUrl(currentSrc),
      title: title || video.getAttribute("aria-label") || undefined,
      position: Math.round(currentTime),
      total_length: Number.isFinite(duration) ? Math.round(duration) : undefined,
      percent: milestone || undefined,
    });
  };

  on("playing", (video) => reach(video, START, "Video Playback Started"));
  on("timeupdate", (video) => {
    const percent = (video.currentTime / video.duration) * 100;
    // A visitor who skips ahead reaches only the last of the milestones.
    const milestone = MILESTONES.filter((mark) => mark <= percent).pop();
    if (milestone && !video.seeking) reach(video, milestone, "Video Content Playing");
  });
  on("ended", (video) => reach(video, END, "Video Playback Completed"));
  // The page loads another video into the element.
  on("emptied", (video) => reached.delete(video));
}

/** Videos may also come from memory (`blob:`), which has no address. */
const videoUrl = (src: string) => (/^https?:/.test(src) ? withoutQuery(new URL(src)) : undefined);

const hasOwnEvent = (element: Element) => !!element.closest("[data-edgewise-event]");

const isWeb = ({ protocol }: HTMLAnchorElement) => protocol === "http:" || protocol === "https:";

const isDownload = (link: HTMLAnchorElement, url: URL) => link.hasAttribute("download") || !!extensionOf(url);

const extensionOf = ({ pathname }: URL) => {
  const extension = pathname.split(".").pop()?.toLowerCase() ?? "";
  return FILE_EXTENSIONS.includes(extension) ? extension : undefined;
};

/** A video that plays by itself, silently and in a loop. */
const isDecoration = (video: HTMLVideoElement) => video.autoplay && video.loop && video.muted;

/** Queries may hold session ids, search terms and names. */
const withoutQuery = (url: URL) => url.origin + url.pathname;
