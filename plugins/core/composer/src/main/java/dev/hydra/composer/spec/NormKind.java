package dev.hydra.composer.spec;

/** A normalisation of hidden states. */
public enum NormKind {
  /** Root mean square norm, arXiv 1910.07467. */
  RMSNORM,
  /** Layer norm with bias, arXiv 1607.06450. */
  LAYERNORM
}
