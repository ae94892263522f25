package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The configurations of published models that come with the project have their sizes. */
class FamilyConfigsTest {
  private static final Path CONFIGS = Path.of("../../../configs/families");

  @ParameterizedTest
  @CsvSource({
    "llama-3.2-1b, 1235814400",
    "mixtral-8x7b, 46702792704",
    "mamba-130m, 129135360",
    "mamba2-130m, 128989632",
    "jamba-v0.1, 51570323328",
    "bamba-9b, 9780235392",
    "falcon-h1-0.5b, 521411104",
    "granite-4.0-h-tiny, 6939037248"
  })
  void haveThePublishedNumberOfParameters(String name, long parameters) {
    ModelSpec spec = ModelSpec.read(ConfigFiles.load(CONFIGS.resolve(name + ".conf"), List.of()));
    try (Model model =
        Model.build(spec, Golden.COMPONENTS, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      long sum = 0;
      for (Parameter parameter : model.parameters().all()) {
        sum += parameter.spec().shape().stream().reduce(1L, Math::multiplyExact);
      }
      assertEquals(parameters, sum);
    }
  }
}
