import { type ImagesDone, type ImagesTask, judgeImages } from "./images.js";

/** What a worker says: how far it is, and at last what it found. */
export type ImagesWord = { readonly images: number } | { readonly done: ImagesDone };

const say = (word: ImagesWord): void => void process.send?.(word);

process.on("message", (task: ImagesTask) => {
  void judgeImages(task, (images) => say({ images })).then((done) => say({ done }));
});
