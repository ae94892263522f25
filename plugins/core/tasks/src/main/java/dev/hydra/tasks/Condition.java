package dev.hydra.tasks;

/**
 * A condition of a task, of which accuracy is measured separately, such as a number of steps or a
 * length.
 *
 * @param name its name in tables, such as {@code k=3}
 * @param length the most tokens that an example reads
 * @param trained whether it is trained on and chosen by; if not, it is tested only
 * @param chance the accuracy of guessing among the answers that are possible
 * @param heldOut whether examples that are tested are kept out of training; if not, what is
 *     measured is what was remembered
 */
public record Condition(String name, int length, boolean trained, double chance, boolean heldOut) {
  /** Creates a condition whose tested examples are kept out of training. */
  public Condition(String name, int length, boolean trained, double chance) {
    this(name, length, trained, chance, true);
  }

  /** Checks the ranges. */
  public Condition {
    if (name.isBlank() || length < 1 || !(chance >= 0 && chance < 1)) {
      throw new IllegalArgumentException(
          "a condition needs a name, a length of 1 or more and a chance in [0, 1), but is "
              + name
              + ", "
              + length
              + ", "
              + chance);
    }
  }
}
