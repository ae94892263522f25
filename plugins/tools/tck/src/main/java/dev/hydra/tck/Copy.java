package dev.hydra.tck;

import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.LibTorchException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A component somewhere, in some type.
 *
 * @param subject what it is one of
 * @param component the component itself
 * @param device where its parameters are
 * @param type that of its input
 */
record Copy(Subject subject, StandaloneComponent component, Device device, ScalarType type) {
  /** Numbers as it takes them. */
  Tensor of(Tensor numbers) {
    return numbers.to(device, type);
  }

  /**
   * Computes with the same component on the CPU, with the same parameters in another type, which
   * must be wide enough for them.
   *
   * @return results that live as long as the scope round this call
   * @throws ContractViolation if it refuses that: then there is nothing to compare with
   */
  List<Tensor> onCpu(ScalarType wide, Function<Copy, List<Tensor>> compute) {
    PointerScope outer = PointerScope.getInnerScope();
    List<Tensor> results = new ArrayList<>();
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      subject.use(
          wide,
          same -> {
            for (Parameter each : component.parameters().all()) {
              Tensor value = each.working().detach().to(Devices.cpu(), ScalarType.Double);
              same.parameters().load(each.name(), value);
            }
            results.addAll(compute.apply(new Copy(subject, same, Devices.cpu(), wide)));
            results.forEach(outer::attach);
          });
    } catch (RuntimeException e) {
      throw new ContractViolation(
          "on the CPU, which CUDA is compared with, it cannot be computed in "
              + wide
              + ": "
              + LibTorchException.readable(e));
    }
    return results;
  }
}
