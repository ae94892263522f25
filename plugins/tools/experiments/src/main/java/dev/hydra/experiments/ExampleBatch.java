package dev.hydra.experiments;

import dev.hydra.data.Batch;
import dev.hydra.tasks.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Examples in rows of the same length. What is behind a shorter one is padding, which is not
 * predicted, and which no token before it can see.
 */
final class ExampleBatch {
  private final List<Example> examples;
  private final int length;

  /** Takes examples of at most a length. */
  ExampleBatch(List<Example> examples, int length) {
    this.examples = examples;
    this.length = length;
  }

  /** Returns the tokens, int64 [examples, length] on the CPU. */
  Tensor tokens() {
    long[] tokens = new long[examples.size() * length];
    for (int row = 0; row < examples.size(); row++) {
      copy(examples.get(row).tokens(), tokens, row * length);
    }
    return Tensor.create(tokens, examples.size(), length);
  }

  /**
   * Returns windows with labels for a training step, int64 [2, examples, length + 1] on the CPU: a
   * label belongs to the token before it.
   */
  Tensor windows() {
    return Tensor.create(labelled(), 2, examples.size(), length + 1L);
  }

  /** Returns the values of {@link #windows}, in order. */
  long[] labelled() {
    int width = length + 1;
    long[] all = new long[2 * examples.size() * width];
    int half = all.length / 2;
    Arrays.fill(all, half, all.length, Batch.IGNORED);
    for (int row = 0; row < examples.size(); row++) {
      copy(examples.get(row).tokens(), all, row * width);
      int[] targets = examples.get(row).targets();
      for (int i = 0; i < targets.length; i++) {
        if (targets[i] != Example.NONE) {
          all[half + row * width + i + 1] = targets[i];
        }
      }
    }
    return all;
  }

  private void copy(int[] tokens, long[] into, int at) {
    if (tokens.length > length) {
      throw new IllegalStateException(
          "an example reads "
              + tokens.length
              + " tokens, but its task says that there are at most "
              + length);
    }
    for (int i = 0; i < tokens.length; i++) {
      into[at + i] = tokens[i];
    }
  }

  /** Returns the places, row by row, whose targets belong to answers: int64 on the CPU. */
  Tensor places() {
    List<Long> places = new ArrayList<>();
    for (int row = 0; row < examples.size(); row++) {
      int[] answers = examples.get(row).answers();
      for (int i = 0; i < answers.length; i++) {
        if (answers[i] != Example.NONE) {
          places.add((long) row * length + i);
        }
      }
    }
    return Tensor.create(places.stream().mapToLong(each -> each).toArray());
  }

  /** Returns the targets at these places: int64 on the CPU. */
  Tensor targets() {
    List<Long> all = new ArrayList<>();
    for (Example example : examples) {
      int[] answers = example.answers();
      int[] targets = example.targets();
      for (int i = 0; i < answers.length; i++) {
        if (answers[i] != Example.NONE) {
          all.add((long) targets[i]);
        }
      }
    }
    return Tensor.create(all.stream().mapToLong(each -> each).toArray());
  }

  /** Counts the answers of which all tokens are as predicted. */
  int right(long[] predicted) {
    int right = 0;
    int place = 0;
    for (Example example : examples) {
      int[] answers = example.answers();
      int[] targets = example.targets();
      boolean[] wrong = new boolean[example.answerCount()];
      for (int i = 0; i < answers.length; i++) {
        if (answers[i] != Example.NONE) {
          wrong[answers[i]] |= predicted[place++] != targets[i];
        }
      }
      for (boolean each : wrong) {
        right += each ? 0 : 1;
      }
    }
    return right;
  }

  /** Counts the answers. */
  int answers() {
    return examples.stream().mapToInt(Example::answerCount).sum();
  }
}
