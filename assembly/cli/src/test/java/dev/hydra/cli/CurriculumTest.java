package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.Config;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathChange;
import dev.hydra.trainer.run.Stage;
import dev.hydra.trainer.run.Stages;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The staged curricula that come with the distribution. */
class CurriculumTest {
  private static final Path CONFIGS = Path.of("../../configs");

  @ParameterizedTest
  @ValueSource(strings = {"hydra-1.6b", "hydra-29m", "hydra-tiny"})
  void theCurriculumEndsWithTheWholeModel(String model) {
    PluginRegistry plugins = PluginRegistry.load(getClass().getClassLoader(), warning -> {});
    Config curriculum =
        ConfigFiles.load(CONFIGS.resolve("experiments/" + model + "-curriculum.conf"), List.of())
            .withoutPath("data.tokenizer"); // that of text files is a plugin that is not here
    List<Stage> stages = Stages.read(curriculum, plugins);
    ModelSpec whole =
        ModelSpec.read(ConfigFiles.load(CONFIGS.resolve("models/" + model + ".conf"), List.of()));
    assertThat(PathChange.between(whole, stages.get(stages.size() - 1).model())).isEmpty();
    assertThat(PathChange.between(whole, ModelSpec.read(curriculum))).isEmpty();
    for (int i = 1; i < stages.size(); i++) {
      assertThat(PathChange.between(stages.get(i - 1).model(), stages.get(i).model()))
          .allMatch(change -> change.kind() == PathChange.Kind.ADDED);
      assertThat(stages.get(i).tokensPerStep()).isLessThanOrEqualTo(stages.get(0).tokensPerStep());
    }
  }
}
