package dev.hydra.memory.pkm;

/** How queries are normalised before they meet the keys. */
enum QueryNorm {
  /** Root mean square over each head's query, with a learned scale (arXiv 1910.07467). */
  RMS,
  /** Not at all. */
  NONE
}
