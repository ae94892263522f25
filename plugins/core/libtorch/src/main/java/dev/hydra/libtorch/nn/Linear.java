package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A linear map {@code y = x W^T (+ b)} with parameters of a site.
 *
 * @param weight {@code NAME.weight} [out, in]
 * @param bias {@code NAME.bias} [out], at first zero
 */
public record Linear(Tensor weight, Optional<Tensor> bias) {
  /** The bytes that a row of a product must be a multiple of for CUDA's fast kernels. */
  private static final long ALIGNMENT = 16;

  /** Creates a map whose result stays within the component, see {@link LinearInit#inner}. */
  public static Linear inner(Site site, String name, long out, long in, boolean biased) {
    return of(site, name, LinearInit.inner(in), out, in, biased);
  }

  /** Creates a map whose result is added to the residual stream, see {@link LinearInit#outer}. */
  public static Linear outer(Site site, String name, long out, long in, boolean biased) {
    return of(site, name, LinearInit.outer(site.depth(), in), out, in, biased);
  }

  private static Linear of(Site site, String name, Init init, long out, long in, boolean biased) {
    Optional<Tensor> bias =
        biased ? Optional.of(site.parameter(name + ".bias", Init.zeros(), out)) : Optional.empty();
    return new Linear(site.parameter(name + ".weight", init, out, in), bias);
  }

  /**
   * Applies the map: [..., in] to [..., out]. A few rows in bfloat16 on CUDA, without gradient, go
   * through a kernel of their own.
   */
  public Tensor apply(Tensor x) {
    return FewRows.of(x, this)
        .map(few -> few.compute(x, 0, this)[0])
        .orElseGet(() -> applyPlain(x));
  }

  /** Applies the map to what it need not keep for backward, see {@link LinearInput}. */
  public Tensor apply(LinearInput x) {
    if (!x.isRecomputed(weight)) {
      return apply(x.tensor());
    }
    return bias.map(b -> x.mapped(RowMap.DENSE, weight, b))
        .orElseGet(() -> x.mapped(RowMap.DENSE, weight));
  }

  /**
   * Applies maps to the same x: a few rows by one kernel, or by one product where there is a copy
   * of all weights ({@link WeightCopies}); with a gradient of x on CUDA, so that their products add
   * it up, to that of others who read x where it is shared ({@link GradientSum}).
   */
  public static Tensor[] applyAll(Tensor x, Linear... maps) {
    if (SharedInput.pays(x, maps)) {
      return SharedInput.applyAll(x, maps);
    }
    return FewRows.of(x, maps)
        .map(few -> few.compute(x, 0, maps))
        .or(() -> joint(x, maps))
        .orElseGet(() -> Arrays.stream(maps).map(map -> map.apply(x)).toArray(Tensor[]::new));
  }

  /** The results of one product, views of it. */
  private static Optional<Tensor[]> joint(Tensor x, Linear... maps) {
    List<Tensor> biases = Arrays.stream(maps).flatMap(map -> map.bias.stream()).toList();
    if (!biases.isEmpty() && biases.size() < maps.length) {
      return Optional.empty();
    }
    return WeightCopies.joint(x, Arrays.stream(maps).map(Linear::weight).toList(), biases)
        .map(
            all -> {
              Tensor[] results = new Tensor[maps.length];
              long from = 0;
              for (int i = 0; i < maps.length; i++) {
                results[i] = all.narrow(-1, from, maps[i].weight.size(0));
                from += maps[i].weight.size(0);
              }
              return results;
            });
  }

  private Tensor applyPlain(Tensor x) {
    if (SharedInput.pays(x, this)) {
      return SharedInput.applyAll(x, this)[0];
    }
    return bias.isPresent() ? Tensors.linear(x, weight, bias.get()) : Tensors.linear(x, weight);
  }

  /**
   * Applies the map for results that are split afterwards: on CUDA their rows are filled up with
   * zeros to a multiple of 16 bytes, for products of other widths are several times slower there.
   *
   * @param x [..., in]
   * @return [..., out] or a few columns more
   */
  public Tensor applyAligned(Tensor x) {
    long step = ALIGNMENT / weight.element_size();
    return x.is_cuda() ? applyPadded(x, Math.floorMod(-weight.size(0), step)) : apply(x);
  }

  /** Applies the map, and appends zeros: [..., out + padding]. */
  Tensor applyPadded(Tensor x, long padding) {
    return FewRows.of(x, this)
        .map(few -> few.compute(x, padding, this)[0])
        .orElseGet(() -> applyPlainPadded(x, padding));
  }

  private Tensor applyPlainPadded(Tensor x, long padding) {
    if (padding == 0) {
      return applyPlain(x);
    }
    if (WeightCopies.isTaken(x, weight)) {
      return Tensors.pad(applyPlain(x), (int) x.dim() - 1, 0, padding);
    }
    return new Linear(
            Tensors.pad(weight, 0, 0, padding), bias.map(b -> Tensors.pad(b, 0, 0, padding)))
        .applyPlain(x);
  }
}
