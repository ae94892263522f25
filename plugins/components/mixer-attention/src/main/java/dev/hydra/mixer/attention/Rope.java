package dev.hydra.mixer.attention;

import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864, eq. 34) in the half layout of Llama: of
 * the {@code dims} dimensions that rotate, number {@code i} and {@code i + dims / 2} form a pair,
 * which position {@code p} turns by the angle {@code p theta^(-2 i / dims)}.
 *
 * @param dims how many dimensions of a head rotate, even; 0 for none
 * @param theta the base of the angles
 * @param scaling how the angles stretch to longer contexts
 */
record Rope(int dims, double theta, Optional<RopeScaling> scaling) {
  static final Option<Optional<Integer>> ROPE_DIM =
      Option.integer("rope-dim", "dimensions of a head that rotate with the position; 0 for none")
          .atLeast(0)
          .optional("head-dim");
  static final Option<Double> ROPE_THETA =
      Option.decimal("rope-theta", "base of the rotary angles")
          .where(theta -> theta > 0, "above 0")
          .orElse(10_000.0);

  static final List<Option<?>> OPTIONS =
      Stream.concat(Stream.of(ROPE_DIM, ROPE_THETA), RopeScaling.OPTIONS.stream()).toList();

  static Rope of(Site site, int headDim) {
    Optional<Integer> chosen = site.get(ROPE_DIM);
    int dims = chosen.orElse(headDim);
    if (dims > headDim) {
      throw site.invalid(
          ROPE_DIM, dims + " is more than head-dim = " + headDim + "; choose at most that");
    }
    if (dims % 2 != 0) {
      throw site.invalid(
          chosen.isPresent() ? ROPE_DIM : HeadShape.HEAD_DIM,
          dims
              + " is odd, but rotary positions turn pairs; choose an even rope-dim (0 for none) or"
              + " an even head-dim");
    }
    double theta = site.get(ROPE_THETA);
    return new Rope(dims, theta, RopeScaling.of(site, dims, theta));
  }

  /**
   * The rotations of whole sequences, whose positions count from 0 or from the start of documents,
   * or of a decoding step: every layer with the same angles has the same, so the first makes them.
   *
   * @param positions int64 [1 or batch, time]
   */
  Rotation shared(Tensor positions, ScalarType type, Pass pass) {
    boolean decoding = pass.cache().map(StateCache::decoding).orElse(false);
    if (!decoding && (pass.cache().isPresent() || pass.padding().isPresent())) {
      return at(positions, type);
    }
    String angles = "rope " + dims + " " + theta + " " + scaling.map(RopeScaling::settings);
    String of = decoding ? place(positions, pass) : "";
    return rotation(pass.shared(angles + " " + type + of, () -> both(positions, type)));
  }

  /**
   * Names the positions of a decoding step, which are others where a layer joined later, by where
   * they stand; they are kept until the pass is over, so that no others can come to stand there.
   */
  private static String place(Tensor positions, Pass pass) {
    String name = " at " + Tensors.address(positions);
    pass.shared("positions" + name, () -> positions);
    return name;
  }

  /** The rotations of positions int64 [rows, time]. */
  Rotation at(Tensor positions, ScalarType type) {
    return rotation(both(positions, type));
  }

  private static Rotation rotation(Tensor both) {
    return new Rotation(both.select(0, 0), both.select(0, 1));
  }

  /**
   * Cosines and sines [2, rows, time, 1, dims / 2]. Angles are computed in float64: float32 would
   * be off by a thousandth of a turn at a hundred thousand tokens.
   */
  private Tensor both(Tensor positions, ScalarType type) {
    double slope = -2 * Math.log(theta) / dims;
    return Optional.of(positions)
        .filter(here -> type == ScalarType.Float)
        .flatMap(here -> RotaryAngles.of(here, dims / 2, slope, scaling))
        .orElseGet(() -> plain(positions, slope, type));
  }

  private Tensor plain(Tensor positions, double slope, ScalarType type) {
    Tensor pairs = Tensors.range(0, dims / 2, positions).to(ScalarType.Double);
    Tensor plain = Tensors.mul(pairs, slope).exp();
    Tensor frequencies = scaling.map(stretch -> stretch.apply(plain)).orElse(plain);
    Tensor angles = positions.to(ScalarType.Double).unsqueeze(-1).mul(frequencies).unsqueeze(2);
    double amplitude = scaling.map(RopeScaling::amplitude).orElse(1.0);
    return Tensors.stack(
        0, amplified(angles.cos(), amplitude, type), amplified(angles.sin(), amplitude, type));
  }

  private static Tensor amplified(Tensor wave, double amplitude, ScalarType type) {
    return Tensors.cast(amplitude == 1 ? wave : Tensors.mul(wave, amplitude), type);
  }
}
