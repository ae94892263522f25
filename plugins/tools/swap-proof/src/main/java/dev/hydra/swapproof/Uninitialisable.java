package dev.hydra.swapproof;

/** A class whose static initialiser fails. */
final class Uninitialisable {
  static final int VALUE = Integer.parseInt("none");

  private Uninitialisable() {}
}
