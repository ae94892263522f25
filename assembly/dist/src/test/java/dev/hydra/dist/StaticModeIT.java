package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.dist.probe.StaticMain;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without OSGi: the same jars on the module path, where ServiceLoader finds them. */
class StaticModeIT {
  @Test
  void offersAndRunsWhatOsgiOffers(@TempDir Path folder) throws Exception {
    List<String> found = onTheModulePath(folder.resolve("out.txt"), "swiglu");
    assertTrue(found.remove("conforms"), found.toString());
    assertEquals(inOsgi(folder), new TreeSet<>(found));
    assertThat(found).contains("swiglu dev.hydra.ffn.dense");
    assertThat(found).contains("cosine dev.hydra.optim");
    assertThat(found).contains("byte dev.hydra.data");
  }

  private static List<String> onTheModulePath(Path out, String checkedType) throws Exception {
    String modules = String.join(":", lib("plugins"), lib("lib"), lib("lib/natives"));
    Path main =
        Path.of(StaticMain.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    // Nothing requires plugins and natives, so all modules are roots.
    Process process =
        new ProcessBuilder(
                System.getProperty("java.home") + "/bin/java",
                "--module-path=" + modules,
                "--add-modules=ALL-MODULE-PATH,ALL-DEFAULT",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-cp",
                main.toString(),
                StaticMain.class.getName(),
                checkedType)
            .redirectOutput(out.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertEquals(0, process.waitFor());
    return Files.readAllLines(out);
  }

  private static String lib(String folder) {
    return Hydra.HOME.resolve(folder).toString();
  }

  /** Type and bundle of every factory; a bundle and its module have the same name. */
  private static Set<String> inOsgi(Path folder) throws Exception {
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    return Hydra.withPlugins(plugins, folder).run("factories").out().stream()
        .filter(line -> line.contains(" "))
        .map(line -> line.replaceFirst("(\\S+ \\S+) .*", "$1"))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
