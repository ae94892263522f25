package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.host.NativeLibraries;
import dev.hydra.composer.model.Components;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Tensors;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Checks the machine. */
@Command(
    name = "doctor",
    description = "Checks Java, LibTorch, CPU and GPU, with a small forward and backward.",
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class DoctorCommand implements Callable<Integer> {
  private final Components components;
  private final PluginRegistry plugins;
  private final NativeLibraries natives;

  @Spec private CommandSpec spec;
  private boolean failed;

  DoctorCommand(Components components, PluginRegistry plugins, NativeLibraries natives) {
    this.components = components;
    this.plugins = plugins;
    this.natives = natives;
  }

  @Override
  public Integer call() {
    for (String version : new Version().getVersion()) {
      line("ok", version);
    }
    line("ok", components.all().size() + " component types");
    check("native files", natives::check);
    check(
        "LibTorch natives",
        () -> {
          long start = System.nanoTime();
          String capability = torch.get_cpu_capability().getString();
          return String.format(
              "loaded in %.1f s; CPU kernels %s, %s",
              (System.nanoTime() - start) / 1e9,
              capability,
              Messages.count(torch.get_num_threads(), "thread"));
        });
    if (failed) {
      line("--", "install the natives for this machine, or name a jar in HYDRA_NATIVES");
      return 1;
    }
    check("CPU", () -> trial(Devices.cpu()));
    if (Devices.cudaAvailable()) {
      Device cuda = Devices.choose("cuda");
      check("CUDA", () -> trial(cuda));
      new KernelDoctor(components, plugins, cuda).checks().forEach(this::check);
      if (failed) {
        line("--", "where kernels fail, --set trainer.kernels=plain computes without them, slower");
      }
    } else {
      line(
          "--",
          "no CUDA device: no GPU, no driver, no CUDA libraries, or these natives are for the CPU"
              + " (mvn -Pgpu package makes the others)");
    }
    return failed ? 1 : 0;
  }

  @SuppressWarnings("CatchingUnchecked") // whatever it is, the next check may do well
  private void check(String what, Callable<String> action) {
    try {
      line("ok", what + ": " + action.call());
    } catch (Exception | LinkageError | AssertionError e) {
      failed = true;
      line("FAILED", what + ": " + LibTorchException.readable(e));
    }
  }

  private void line(String state, String text) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%-7s %s%n", state, text);
    out.flush();
  }

  /** The gradient of sum((x W^T)^2) with respect to W is 2 (x W^T)^T x. */
  private static String trial(Device device) {
    try (PointerScope scope = new PointerScope()) {
      Tensor x =
          torch
              .randn(new long[] {64, 32}, new TensorOptions(ScalarType.Float))
              .to(device, ScalarType.Float);
      Tensor w =
          torch
              .randn(new long[] {16, 32}, new TensorOptions(ScalarType.Float))
              .to(device, ScalarType.Float);
      w.set_requires_grad(true);
      Tensor y = Tensors.linear(x, w);
      y.mul(y).sum().backward();
      Tensor expected = Tensors.mul(y.detach().t().matmul(x), 2);
      double error = Tensors.number(w.grad().sub(expected).norm().div(expected.norm()));
      if (!(error < 1e-3)) {
        throw new IllegalStateException("backward is wrong: relative error " + error);
      }
      return "forward and backward right; auto precision is "
          + (ComputeType.choose(ComputeType.Choice.AUTO, device) == ScalarType.Float
              ? "fp32"
              : "bf16");
    }
  }
}
