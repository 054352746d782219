/** Stops a timer; what it gives back is what then stands for it. */
export const cancel = clearTimeout as (timer: ReturnType<typeof setTimeout> | undefined) => undefined;
