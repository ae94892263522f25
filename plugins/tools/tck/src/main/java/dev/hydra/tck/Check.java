package dev.hydra.tck;

/**
 * One check of a plugin.
 *
 * @param name what is checked, such as {@code causality}
 * @param body the check; throws {@link ContractViolation} where the plugin breaks its contract
 */
public record Check(String name, Runnable body) {
  /** Runs the check. */
  public void run() {
    body.run();
  }
}
