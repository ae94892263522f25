package dev.hydra.mixer.attention;

import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rotary frequencies slowed down for contexts longer than those of pretraining, each by {@code
 * factor} except for a share of it that is kept:
 *
 * <ul>
 *   <li>linear: nothing is kept (position interpolation, arXiv 2306.15595);
 *   <li>llama3: wavelengths that fit the original length {@code high} times are kept, those that
 *       fit it less than {@code low} times are not, a ramp in between (Llama 3.1, arXiv
 *       2407.21783);
 *   <li>yarn: the same idea with a ramp over the dimensions, between those that turn {@code
 *       betaFast} and {@code betaSlow} times in the original length, and larger cosines and sines
 *       against flatter scores (YaRN, arXiv 2309.00071, eq. 17 to 23).
 * </ul>
 *
 * <p>Dynamic NTK scaling is not among them: it makes what a token computes depend on how long the
 * sequence becomes after it.
 *
 * @param settings all that it was made of, in words: two that say the same do the same at the same
 *     dims and theta
 * @param factor by how much the context is longer than the original
 * @param amplitude what cosines and sines are multiplied with
 * @param kept the share of each frequency that is kept
 */
record RopeScaling(String settings, double factor, double amplitude, Ramp kept) {
  /**
   * A share between 0 and 1, {@code rise * x + offset} where that is within.
   *
   * @param byPair whether x is the number of the pair of dimensions, instead of its frequency
   */
  record Ramp(boolean byPair, double rise, double offset) {
    /** Nothing is kept. */
    static final Ramp NONE = new Ramp(true, 0, 0);

    /** Rises from 0 where {@code x factor} is {@code low} to 1 where it is {@code high}. */
    static Ramp between(boolean byPair, double factor, double low, double high) {
      return new Ramp(byPair, factor / (high - low), -low / (high - low));
    }

    /** Of the frequencies, float64 [dims / 2]. */
    private Tensor of(Tensor frequencies) {
      Tensor x =
          byPair
              ? Tensors.range(0, frequencies.size(0), frequencies).to(ScalarType.Double)
              : frequencies;
      try (Scalar zero = new Scalar(0.0);
          Scalar one = new Scalar(1.0)) {
        return Tensors.add(Tensors.mul(x, rise), offset).clamp_min(zero).clamp_max(one);
      }
    }
  }

  /** The kinds of scaling. */
  enum Kind {
    NONE,
    LINEAR,
    LLAMA3,
    YARN
  }

  static final Option<Kind> SCALING =
      Option.choice("rope-scaling", Kind.class, "how rotary positions stretch to longer contexts")
          .orElse(Kind.NONE);
  static final Option<Optional<Double>> FACTOR =
      Option.decimal("rope-factor", "how many times the original context fits the longer one")
          .atLeast(1.0)
          .optional("no rope-scaling");
  static final Option<Optional<Integer>> ORIGINAL_LENGTH =
      Option.integer("rope-original-length", "context length of pretraining; for llama3 and yarn")
          .atLeast(1)
          .optional("no rope-scaling");
  static final Option<Optional<Double>> LOW =
      positive("rope-low-frequency-factor", "for llama3: fewer turns than this slow down fully")
          .optional("no rope-scaling");
  static final Option<Optional<Double>> HIGH =
      positive("rope-high-frequency-factor", "for llama3: more turns than this are kept")
          .optional("no rope-scaling");
  static final Option<Double> BETA_FAST =
      positive("rope-beta-fast", "for yarn: dimensions of more turns than this are kept")
          .orElse(32.0);
  static final Option<Double> BETA_SLOW =
      positive("rope-beta-slow", "for yarn: dimensions of fewer turns slow down fully").orElse(1.0);
  static final Option<Optional<Double>> ATTENTION_FACTOR =
      positive("rope-attention-factor", "for yarn: factor of the cosines and sines")
          .optional("1 + ln(rope-factor) / 10");

  static final List<Option<?>> OPTIONS =
      List.of(SCALING, FACTOR, ORIGINAL_LENGTH, LOW, HIGH, BETA_FAST, BETA_SLOW, ATTENTION_FACTOR);

  private static Option<Double> positive(String name, String doc) {
    return Option.decimal(name, doc).where(value -> value > 0, "above 0");
  }

  /**
   * The scaling that a site asks for, if any.
   *
   * @param dims how many dimensions rotate
   * @param theta the base of the angles
   */
  static Optional<RopeScaling> of(Site site, int dims, double theta) {
    Kind kind = site.get(SCALING);
    checkOptions(site, kind);
    if (kind != Kind.NONE && dims == 0) {
      throw site.invalid(SCALING, "has nothing to scale, as rope-dim is 0; leave it out");
    }
    return switch (kind) {
      case NONE -> Optional.empty();
      case LINEAR -> Optional.of(linear(site));
      case LLAMA3 -> Optional.of(llama3(site));
      case YARN -> Optional.of(yarn(site, dims, theta));
    };
  }

  /** Every option that a kind does not read must be left out: it would have no effect. */
  private static void checkOptions(Site site, Kind kind) {
    List<Option<?>> read =
        switch (kind) {
          case NONE -> List.of(SCALING);
          case LINEAR -> List.of(SCALING, FACTOR);
          case LLAMA3 -> List.of(SCALING, FACTOR, ORIGINAL_LENGTH, LOW, HIGH);
          case YARN ->
              List.of(SCALING, FACTOR, ORIGINAL_LENGTH, BETA_FAST, BETA_SLOW, ATTENTION_FACTOR);
        };
    Settings settings = site.settings();
    for (Option<?> option : OPTIONS) {
      if (settings.isSet(option) && !read.contains(option)) {
        throw site.invalid(
            option, "has no effect with rope-scaling = " + name(kind) + "; leave it out");
      }
    }
  }

  private static String settings(Site site) {
    return OPTIONS.stream()
        .map(option -> String.valueOf(site.get(option)))
        .collect(Collectors.joining(" "));
  }

  private static String name(Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static <T> T required(Site site, Option<Optional<T>> option) {
    return site.get(option)
        .orElseThrow(
            () ->
                site.invalid(
                    option,
                    "is required with rope-scaling = "
                        + name(site.get(SCALING))
                        + ": "
                        + option.type()
                        + ", "
                        + option.doc()));
  }

  private static RopeScaling linear(Site site) {
    return new RopeScaling(settings(site), required(site, FACTOR), 1, Ramp.NONE);
  }

  private static RopeScaling llama3(Site site) {
    double low = required(site, LOW);
    double high = required(site, HIGH);
    if (high <= low) {
      throw site.invalid(
          HIGH,
          high + " must be above rope-low-frequency-factor = " + low + "; choose a larger one");
    }
    double turns = required(site, ORIGINAL_LENGTH) / (2 * Math.PI);
    return new RopeScaling(
        settings(site), required(site, FACTOR), 1, Ramp.between(false, turns, low, high));
  }

  private static RopeScaling yarn(Site site, int dims, double theta) {
    double fast = site.get(BETA_FAST);
    double slow = site.get(BETA_SLOW);
    if (fast < slow) {
      throw site.invalid(
          BETA_FAST, fast + " is less than rope-beta-slow = " + slow + "; choose a larger one");
    }
    if (theta <= 1) {
      throw site.invalid(
          SCALING, "yarn needs a rope-theta above 1, but it is " + theta + "; choose a larger one");
    }
    double factor = required(site, FACTOR);
    int length = required(site, ORIGINAL_LENGTH);
    double first = Math.max(Math.floor(dimension(fast, length, dims, theta)), 0);
    double last = Math.min(Math.ceil(dimension(slow, length, dims, theta)), dims - 1.0);
    double end = last == first ? last + 0.001 : last;
    double amplitude = site.get(ATTENTION_FACTOR).orElseGet(() -> 1 + 0.1 * Math.log(factor));
    return new RopeScaling(settings(site), factor, amplitude, Ramp.between(true, -1, -end, -first));
  }

  /** The dimension, a fraction, that turns so many times in the original length. */
  private static double dimension(double turns, int length, int dims, double theta) {
    return dims * Math.log(length / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  }

  /** The scaled frequencies. */
  Tensor apply(Tensor frequencies) {
    Tensor share = Tensors.add(Tensors.mul(kept.of(frequencies), 1 - 1 / factor), 1 / factor);
    return frequencies.mul(share);
  }
}
