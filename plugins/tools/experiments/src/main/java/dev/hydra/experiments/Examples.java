package dev.hydra.experiments;

import dev.hydra.tasks.Example;
import dev.hydra.tasks.Split;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The examples of a task: those held out are the same for every model and seed, and no training
 * sees one of them, but for conditions that measure what was remembered.
 */
final class Examples {
  private static final int MOST_DRAWS = 1000;

  private final StudyTask task;
  private final List<Integer> trained;
  private final List<Example> validation;
  private final List<List<Example>> test = new ArrayList<>();
  private final Set<Example> heldOut = new HashSet<>();

  /** Draws what is held out. */
  Examples(StudyTask task, Budget budget) {
    this.task = task;
    trained = task.trained();
    validation = new ArrayList<>();
    for (int i = 0; i < budget.validationExamples(); i++) {
      int condition = condition(i);
      validation.add(keep(make(condition, Split.VALIDATION, 0, i), condition));
    }
    for (int condition = 0; condition < task.task().conditions().size(); condition++) {
      List<Example> own = new ArrayList<>();
      for (int i = 0; i < budget.testExamples(); i++) {
        own.add(keep(make(condition, Split.TEST, condition, i), condition));
      }
      test.add(own);
    }
  }

  /** Keeps an example out of training, unless its condition measures what was remembered. */
  private Example keep(Example example, int condition) {
    if (task.task().conditions().get(condition).heldOut()) {
      heldOut.add(example);
    }
    return example;
  }

  /** Returns the examples that learning rates are chosen by, of all trained conditions in turn. */
  List<Example> validation() {
    return validation;
  }

  /** Returns the examples that a condition is tested by. */
  List<Example> test(int condition) {
    return test.get(condition);
  }

  /** Returns the trained condition whose turn it is, from 0. */
  int condition(long turn) {
    return trained.get((int) (turn % trained.size()));
  }

  /** Returns the task. */
  StudyTask task() {
    return task;
  }

  /**
   * Returns an example to train on, of the trained conditions in turn.
   *
   * @param seed the seed of the training
   * @param number the number of the example, from 0
   * @throws IllegalStateException if the task has hardly any that are not held out
   */
  Example training(int seed, long number) {
    return training(seed, number, condition(number));
  }

  /** Returns an example of a condition to train on, likewise. */
  Example training(int seed, long number, int condition) {
    SplittableRandom random = random(Split.TRAINING, seed, number);
    for (int draw = 0; draw < MOST_DRAWS; draw++) {
      Example example = task.task().example(condition, Split.TRAINING, random);
      if (!heldOut.contains(example)) {
        return example;
      }
    }
    throw new IllegalStateException(
        "the task "
            + task.name()
            + " has too few different examples: after "
            + MOST_DRAWS
            + " draws there was none that is not held out; make them longer, or hold fewer out");
  }

  private Example make(int condition, Split use, long stream, long number) {
    return task.task().example(condition, use, random(use, stream, number));
  }

  private static SplittableRandom random(Split use, long stream, long number) {
    return new SplittableRandom(mix(mix(mix(stream(use)) + stream) + number));
  }

  private static long stream(Split use) {
    return switch (use) {
      case TRAINING -> 0;
      case VALIDATION -> 1;
      case TEST -> 2;
    };
  }

  /**
   * Mixes the bits of a number by SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
   * Number Generators", 2014).
   */
  private static long mix(long x) {
    long z = x + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
