package dev.hydra.cli.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstallationTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path home;

  @BeforeEach
  void install() throws IOException {
    Files.createDirectories(home.resolve("configs/models"));
    Files.writeString(home.resolve("configs/models/tiny.conf"), "");
    System.setProperty("hydra.home", home.toString());
  }

  @AfterEach
  void forget() {
    System.clearProperty("hydra.home");
    System.clearProperty("hydra.plugins.extra");
  }

  @Test
  void configurationsAreFoundInTheInstallation() {
    Path tiny = home.resolve("configs/models/tiny.conf");
    assertThat(Installation.findConfig("models/tiny")).isEqualTo(tiny);
    assertThat(Installation.findConfig("models/tiny.conf")).isEqualTo(tiny);
    assertThat(Installation.findConfig(tiny.toString())).isEqualTo(tiny);
  }

  @Test
  void whatIsNotFoundIsSaidWithWhereItWasSought() {
    assertThatThrownBy(() -> Installation.findConfig("models/tinny"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(
            "there is no configuration models/tinny; did you mean models/tiny? Looked for ")
        .hasMessageContaining(home.resolve("configs/models/tinny.conf").toString());
  }

  @Test
  void pluginsAndDataHaveTheirFolders() {
    System.setProperty("hydra.plugins.extra", home.resolve("more").toString());
    assertThat(Installation.pluginFolders())
        .containsExactly(home.resolve("plugins"), home.resolve("more"));
    assertThat(Installation.dataRoots())
        .containsExactly(Path.of("").toAbsolutePath(), home.resolve("data"));
  }

  /** So that a run folder can be used from anywhere; what is nowhere keeps its name. */
  @Test
  void dataBesideAConfigurationIsNamedByItsWholePath() throws IOException {
    Path text = Files.writeString(home.resolve("text.txt"), "");
    Config config = ConfigFactory.parseString("data.files = [text.txt, kjv.txt]");
    assertThat(
            Installation.withAbsoluteData(config, home.resolve("a.conf"))
                .getStringList("data.files"))
        .isEqualTo(List.of(text.toString(), "kjv.txt"));
    Config one = ConfigFactory.parseString("data.files = text.txt");
    assertThat(Installation.withAbsoluteData(one, home.resolve("a.conf")).getString("data.files"))
        .isEqualTo(text.toString());
    Config none = ConfigFactory.parseString("model.width = 1");
    assertThat(Installation.withAbsoluteData(none, home.resolve("a.conf"))).isEqualTo(none);
  }
}
