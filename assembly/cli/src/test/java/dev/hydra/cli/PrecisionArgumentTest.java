package dev.hydra.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.cli.common.UsageException;
import dev.hydra.inference.Quantization;
import dev.hydra.libtorch.runtime.Devices;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class PrecisionArgumentTest {
  private static PrecisionArgument parsed(String... arguments) {
    PrecisionArgument parsed = new PrecisionArgument();
    new CommandLine(parsed).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments);
    return parsed;
  }

  @Test
  void onTheCpuTheTypeIsFloat32UnlessWeightsAreQuantized() {
    assertEquals(ScalarType.Float, parsed().on(Devices.cpu()));
    assertEquals(ScalarType.BFloat16, parsed("--precision", "bf16").on(Devices.cpu()));
    PrecisionArgument int8 = parsed("--quantization", "int8");
    assertEquals(ScalarType.BFloat16, int8.on(Devices.cpu()));
    assertEquals(Quantization.INT8, int8.quantization());
    assertEquals(Quantization.INT4, parsed("--quantization", "int4").quantization());
  }

  @Test
  void int8IsRefusedInFloat32AndOnCuda() {
    PrecisionArgument wide = parsed("--quantization", "int8", "--precision", "fp32");
    assertMessage(wide, Devices.cpu(), "compute in bfloat16");
    try (Device cuda = new Device("cuda:0")) {
      assertMessage(parsed("--quantization", "int8"), cuda, "int8 weights are for the CPU");
    }
  }

  /** On CUDA bfloat16 is what is computed in unless float32 is asked for. */
  @Test
  void whatTakesLessMemoryIsNotProposedWhereItIsTakenAlready() {
    assertEquals("", parsed().less());
    assertEquals("", parsed("--precision", "bf16").less());
    assertEquals("--precision bf16, ", parsed("--precision", "fp32").less());
  }

  private static void assertMessage(PrecisionArgument argument, Device device, String part) {
    String message = assertThrows(UsageException.class, () -> argument.on(device)).getMessage();
    assertTrue(message.contains(part), message);
  }
}
