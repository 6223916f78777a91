/** Types of the sections of a frame, to be imported as a whole. */

export const publish = 1;
export const settle = 2;
export const receipts = 16;
export const settled = 17;
export const refused = 18;
export const deliveries = 19;
