package dev.hydra.tck;

/** A plugin does not keep its contract. */
public final class ContractViolation extends AssertionError {
  private static final long serialVersionUID = 1;

  ContractViolation(String message) {
    super(message);
  }

  static void unless(boolean holds, String message) {
    if (!holds) {
      throw new ContractViolation(message);
    }
  }
}
