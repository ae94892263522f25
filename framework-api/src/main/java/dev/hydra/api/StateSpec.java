package dev.hydra.api;

import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * Describes a tensor that a component keeps of a text between forwards, see {@link StateCache}.
 *
 * @param name the name in the cache
 * @param dtype the type of its elements
 * @param shape its sizes for one row, without the first dimension, which is the batch; {@link
 *     #GROWING} for the one that depends on the number of tokens
 * @param growth how many entries that one has; empty where all sizes are fixed
 * @param required whether it is kept of every text as soon as it has elements
 */
public record StateSpec(
    String name, Dtype dtype, List<Long> shape, Optional<Growth> growth, boolean required) {
  /** Stands for a size that depends on how many tokens there were. */
  public static final long GROWING = -1;

  /** The type of a tensor's elements, where the model may compute in several. */
  public enum Dtype {
    /** What the model computes in, such as bfloat16: the type of hidden states. */
    COMPUTE,
    /** The compute type, but on a CPU float32 instead of bfloat16, in which it computes faster. */
    FLOAT32_ON_CPU,
    /** float32, whatever the model computes in; float64 where that is float64, as in checks. */
    FLOAT32,
    /**
     * float32, or a smaller type that whoever decodes has chosen for the states of recurrences: of
     * state spaces and delta rules. The component computes in float32 all the same and may leave
     * the state in that, which is rounded for it; where it writes in place, it rounds to nearest,
     * ties to even. float64 where the model computes in that.
     */
    RECURRENT,
    /** float64, whatever the model computes in. */
    FLOAT64,
    /** int64. */
    INT64
  }

  /**
   * How a size grows: by an entry at the first token after {@code after} tokens and at every {@code
   * every}-th from there, up to {@code limit} entries. From there on new ones take the place of old
   * ones; until then an entry stays as it was written, so that the text can be taken back by
   * cutting off the newest.
   *
   * @param after tokens without an entry, at least 0
   * @param every tokens for each entry, at least 1
   * @param limit the most entries there are, at least 1
   */
  public record Growth(long after, long every, long limit) {
    /** One entry for each token. */
    public static final Growth EVERY_TOKEN = new Growth(0, 1, Long.MAX_VALUE);

    /** Checks the numbers. */
    public Growth {
      if (after < 0 || every < 1 || limit < 1) {
        throw new IllegalArgumentException(
            "a state cannot grow after " + after + " every " + every + " up to " + limit);
      }
    }

    /** Returns the number of entries after so many tokens. */
    public long entries(long tokens) {
      long since = tokens - after;
      return since <= 0 ? 0 : Math.min(limit, 1 + (since - 1) / every);
    }
  }

  /** Checks name and shape. */
  public StateSpec {
    shape = List.copyOf(shape);
    if (name.isBlank()) {
      throw new IllegalArgumentException("a state needs a name");
    }
    for (long size : shape) {
      if (size < 1 && size != GROWING) {
        throw new IllegalArgumentException("state " + name + " has shape " + shape);
      }
    }
    long growing = shape.stream().filter(size -> size == GROWING).count();
    if (growing != (growth.isPresent() ? 1 : 0)) {
      throw new IllegalArgumentException(
          "state " + name + " of shape " + shape + " grows in one dimension, or in none");
    }
  }

  /**
   * Describes a tensor in the compute type by its sizes for one row, one of which may be {@link
   * #GROWING}: it has an entry for each token.
   */
  public static StateSpec of(String name, long... shape) {
    boolean grows = LongStream.of(shape).anyMatch(size -> size == GROWING);
    return new StateSpec(
        name,
        Dtype.COMPUTE,
        LongStream.of(shape).boxed().toList(),
        grows ? Optional.of(Growth.EVERY_TOKEN) : Optional.empty(),
        true);
  }

  /** Returns the same in another type. */
  public StateSpec in(Dtype other) {
    return new StateSpec(name, other, shape, growth, required);
  }

  /** Returns the same with another growth. */
  public StateSpec growing(Growth other) {
    return new StateSpec(name, dtype, shape, Optional.of(other), required);
  }

  /** Returns the same for what is kept of some texts only. */
  public StateSpec optional() {
    return new StateSpec(name, dtype, shape, growth, false);
  }

  /** Says whether its size depends on the number of tokens. */
  public boolean growing() {
    return growth.isPresent();
  }

  /** Returns the dimension that grows, counted with the batch, which is dimension 0; -1 if none. */
  public int growingDimension() {
    int index = shape.indexOf(GROWING);
    return index < 0 ? -1 : index + 1;
  }

  /** Returns the sizes for one row after so many tokens. */
  public List<Long> sizes(long tokens) {
    return shape.stream()
        .map(size -> size == GROWING ? growth.orElseThrow().entries(tokens) : size)
        .toList();
  }
}
