package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.Config;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Throughput;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.experiments.Study;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every experiment that is shipped can be run: models fit their tasks, and sizes are equal. */
class ClaimsTest {
  private static final Path CLAIMS = Path.of("../../configs/claims");
  private static final Path DATA = Path.of("src/main/data").toAbsolutePath();
  private static final PluginRegistry PLUGINS =
      PluginRegistry.load(ClaimsTest.class.getClassLoader(), Assertions::fail);

  @TestFactory
  Stream<DynamicTest> experiments() throws IOException {
    try (Stream<Path> files = Files.list(CLAIMS)) {
      return files.toList().stream()
          .flatMap(
              file ->
                  Stream.of(false, true)
                      .map(
                          quick ->
                              DynamicTest.dynamicTest(
                                  file.getFileName() + (quick ? " --quick" : ""),
                                  () -> check(file, quick))));
    }
  }

  private static void check(Path file, boolean quick) {
    Config config = ConfigFiles.load(file, List.of());
    if (Throughput.is(config)) {
      Throughput throughput = Throughput.read(config, List.of(), PLUGINS, quick);
      assertThat(throughput.sizes(Components.of(PLUGINS))).hasSize(throughput.models().size());
      return;
    }
    Study study = Study.read(config, List.of(), PLUGINS, List.of(DATA), quick);
    assertThat(study.sizes().check(study, Components.of(PLUGINS)))
        .hasSize(study.tasks().size() * study.models().size());
  }
}
