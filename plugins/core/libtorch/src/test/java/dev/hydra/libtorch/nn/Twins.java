package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Compares an operator of CUDA kernels with its plain twin on the same device, and with float64 on
 * the CPU: results and gradients, of inputs that bfloat16 holds exactly.
 */
final class Twins {

  private final Map<String, Tensor> elements = new LinkedHashMap<>();
  private final Map<String, Tensor> weights = new LinkedHashMap<>();

  /** An operator: named inputs, in the types that are tried, to named results. */
  @FunctionalInterface
  interface Operator extends Function<Map<String, Tensor>, Map<String, Tensor>> {}

  /** Adds an activation, float64. */
  Twins element(String name, Tensor values) {
    elements.put(name, Samples.rounded(values));
    return this;
  }

  /** Adds a parameter, float64. */
  Twins weight(String name, Tensor values) {
    weights.put(name, Samples.rounded(values));
    return this;
  }

  /**
   * Compares, with activations and parameters in float32, in bfloat16, and one in each.
   *
   * @param fused the operator, which has to use its kernels
   * @param plain the same without them
   */
  void check(Operator fused, Operator plain) {
    check(fused, plain, ScalarType.Float, ScalarType.Float);
    check(fused, plain, ScalarType.BFloat16, ScalarType.BFloat16);
    check(fused, plain, ScalarType.BFloat16, ScalarType.Float);
  }

  /** Compares, with activations and parameters in these types. */
  void check(Operator fused, Operator plain, ScalarType element, ScalarType weight) {
    Map<String, Tensor> exact = run(plain, new Device("cpu"), ScalarType.Double, ScalarType.Double);
    Map<String, Tensor> twin;
    try (KernelMode.Setting kernels = KernelMode.PLAIN.set()) {
      twin = run(plain, new Device("cuda"), element, weight);
    }
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Map<String, Tensor> found = run(fused, new Device("cuda"), element, weight);
      boolean fp32 = element == ScalarType.Float;
      String types = element + " with parameters in " + weight;
      Results.assertNear(types + " against float64", exact, found, fp32 ? 2e-5 : 6e-3);
      Results.assertNear(types + " against the plain twin", twin, found, fp32 ? 4e-5 : 4e-2);
      Map<String, Tensor> again = run(fused, new Device("cuda"), element, weight);
      Results.assertSame(found, again);
    }
  }

  private Map<String, Tensor> run(
      Operator operator, Device device, ScalarType element, ScalarType weight) {
    Map<String, Tensor> leaves = new LinkedHashMap<>();
    elements.forEach((name, values) -> leaves.put(name, Samples.leaf(values, device, element)));
    weights.forEach((name, values) -> leaves.put(name, Samples.leaf(values, device, weight)));
    Map<String, Tensor> found = new LinkedHashMap<>(operator.apply(leaves));
    Tensor loss = torch.zeros(1).to(device, ScalarType.Double);
    int number = 0;
    for (Tensor result : found.values()) {
      torch.manual_seed(++number);
      Tensor direction = Samples.rounded(torch.randn(Tensors.sizes(result)));
      loss =
          loss.add(result.to(ScalarType.Double).mul(direction.to(device, ScalarType.Double)).sum());
    }
    Backward.run(loss.sum());
    leaves.forEach(
        (name, leaf) -> {
          if (leaf.grad().defined()) {
            found.put("the gradient of " + name, leaf.grad());
          }
        });
    return Results.copied(found);
  }
}
