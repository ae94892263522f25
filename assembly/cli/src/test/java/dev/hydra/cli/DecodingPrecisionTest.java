package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class DecodingPrecisionTest {
  private static Placement parsed(String... arguments) {
    DecodingPrecision parsed = new DecodingPrecision();
    new CommandLine(parsed).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments);
    return parsed.on(Devices.cpu());
  }

  @Test
  void statesAreKeptInFloat32UnlessAnotherTypeIsNamed() {
    assertThat(parsed("--precision", "bf16").recurrent()).isEqualTo(ScalarType.Float);
    Placement half = parsed("--mamba-ssm-cache-dtype", "float16");
    assertThat(half.recurrent()).isEqualTo(ScalarType.Half);
    assertThat(half.compute()).isEqualTo(ScalarType.Float);
    assertThat(parsed("--mamba-ssm-cache-dtype", "bfloat16").recurrent())
        .isEqualTo(ScalarType.BFloat16);
  }

  @Test
  void typesThatAreNotKnownAreRefused() {
    assertThatThrownBy(() -> parsed("--mamba-ssm-cache-dtype", "float8"))
        .hasMessageContaining("--mamba-ssm-cache-dtype")
        .hasMessageContaining("[FLOAT32, FLOAT16, BFLOAT16]");
  }
}
