package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.example.hydra.ema.EmaFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar of the example project, dropped into a folder of plugins, is there. */
class ExamplePluginIT {
  @Test
  void exampleIsFound(@TempDir Path folder) throws Exception {
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    Path jar =
        Path.of(EmaFactory.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Files.copy(jar, plugins.resolve(jar.getFileName()));

    Hydra.Result result = Hydra.withPlugins(plugins, folder).run("factories");
    assertEquals(List.of(), result.err());
    assertThat(result.out())
        .as(result.toString())
        .contains("ema com.example.hydra.ema 1.0.0 " + EmaFactory.class.getName());
  }
}
