package dev.hydra.cli.plugins;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a run keeps the jars that its checkpoints need. */
class RunPluginsInstallTest {
  private static final SitePath SITE = new SitePath("blocks.0.mixer");

  @TempDir private Path folder;
  private RunPlugins run;

  @BeforeEach
  void openRun() {
    run = RunPlugins.of(folder.resolve("run"), ConfigFactory.empty());
  }

  private Path jar(String name, String version) throws IOException {
    Path jar = folder.resolve(name + "-" + version + ".jar");
    Manifest manifest = new Manifest();
    Attributes headers = manifest.getMainAttributes();
    headers.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    headers.put(new Attributes.Name("Bundle-SymbolicName"), name + ";singleton:=true");
    headers.put(new Attributes.Name("Bundle-Version"), version);
    new JarOutputStream(Files.newOutputStream(jar), manifest).close();
    return jar;
  }

  @Test
  void aJarIsKeptUnderItsIdentity() throws IOException {
    Path jar = jar("some.mixer", "1.2");
    String sha256 = Sha256.of(jar);
    RunPlugins.Jar taken = run.take(jar);
    assertEquals(PluginId.of("some.mixer", "1.2.0").withHash(sha256), taken.plugin());
    assertEquals(sha256, taken.sha256());
    assertEquals(
        folder.resolve("run/swapped/some.mixer-1.2.0+" + sha256.substring(0, 12) + ".jar"),
        taken.file());
    assertTrue(taken.fresh());
    RunPlugins.Jar again = run.take(jar);
    assertFalse(again.fresh());
    again.forget();
    assertThat(taken.file()).as("it was there before").exists();
    taken.forget();
    assertThat(taken.file()).doesNotExist();
  }

  @Test
  void whatACheckpointNeedsIsInstalledUnlessItIsThere() throws IOException {
    PluginId added = run.take(jar("some.mixer", "1.2")).plugin();
    Added here = new Added();
    run.install(
        Map.of(SITE, added, SITE.child("router"), PluginId.of("some.router", "1.0+build5")), here);
    assertEquals(List.of(added), here.plugins);
    run.install(Map.of(SITE, added), here);
    assertEquals(List.of(added), here.plugins, "not twice");
  }

  @Test
  void aJarThatIsMissingDamagedOrAnotherIsNamed() throws IOException {
    RunPlugins.Jar first = run.take(jar("some.mixer", "1.2"));
    RunPlugins.Jar second = run.take(jar("some.mixer", "1.3"));
    Files.copy(second.file(), first.file(), StandardCopyOption.REPLACE_EXISTING);
    assertEquals(
        first.file() + " is damaged: its SHA-256 is " + second.sha256(), refusal(first.plugin()));
    Files.delete(first.file());
    assertEquals(
        "the checkpoint needs plugin " + first.plugin() + ", but there is no " + first.file(),
        refusal(first.plugin()));
    PluginId other = PluginId.of("other.mixer", "1.3.0").withHash(second.sha256());
    Path renamed = second.file().resolveSibling("other.mixer-" + other.fullVersion() + ".jar");
    Files.move(second.file(), renamed);
    assertEquals(renamed + " is not " + other + " but " + second.plugin(), refusal(other));
  }

  private String refusal(PluginId needed) {
    return String.valueOf(
        assertThrows(IOException.class, () -> run.install(Map.of(SITE, needed), new Added()))
            .getMessage());
  }

  /** Knows what was added, by the names of the files. */
  private static final class Added implements PluginJars {
    private final List<PluginId> plugins = new ArrayList<>();

    @Override
    public List<Registration> add(Path jar) {
      String name = jar.getFileName().toString().replaceFirst("\\.jar$", "");
      plugins.add(PluginId.parse(name.replaceFirst("-", " ")));
      return List.of();
    }

    @Override
    public List<Registration> of(PluginId plugin) {
      return plugins.contains(plugin)
          ? List.of(new Registration("any", new NoComponent(), plugin))
          : List.of();
    }

    @Override
    public Path jar(PluginId plugin) {
      throw new AssertionError("nobody asks for it");
    }

    @Override
    public void remove(PluginId plugin) {
      throw new AssertionError("nobody asks for it");
    }

    @Override
    public Map<String, PluginId> hashes() {
      throw new AssertionError("nobody asks for it");
    }

    @Override
    public PluginRegistry registry() {
      throw new AssertionError("nobody asks for it");
    }

    @Override
    public Components components(Map<SitePath, PluginId> sites) {
      throw new AssertionError("nobody asks for it");
    }
  }
}
