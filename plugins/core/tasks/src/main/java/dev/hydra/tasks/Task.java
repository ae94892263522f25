package dev.hydra.tasks;

import java.util.List;
import java.util.SplittableRandom;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Questions that are generated, not collected, with answers that can be checked. What an example is
 * depends on the random numbers only; any thread may ask for one.
 */
@ConsumerType
public interface Task {
  /** Returns the text of each token, in the order of their ids. */
  List<String> vocabulary();

  /** Returns the conditions, at least one of which is trained on. */
  List<Condition> conditions();

  /**
   * Makes an example.
   *
   * @param condition the index of its condition
   * @param random what it is drawn from, and nothing else
   * @return at most as long as the condition says
   */
  Example example(int condition, SplittableRandom random);

  /**
   * Makes an example for a purpose. Most tasks have too many examples to draw one twice, and those
   * that are held out are kept out of training by whoever trains. A task whose examples overlap, as
   * those from a text do, draws them from different parts of it.
   */
  default Example example(int condition, Split split, SplittableRandom random) {
    return example(condition, random);
  }
}
