package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.dist.probe.ExplodingActivator;
import dev.hydra.dist.probe.ExplodingFactory;
import dev.hydra.dist.probe.PrivateKind;
import dev.hydra.dist.probe.ProbeFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A plugin that cannot be used is reported in one line, and the others work. */
class BrokenPluginsIT {
  private static final String GOOD = "probe plugin.probe 1.2.3 " + ProbeFactory.class.getName();

  private Path plugins;
  private Path broken;
  private Hydra hydra;

  @BeforeEach
  void preparePlugins(@TempDir Path folder) throws Exception {
    plugins = Files.createDirectory(folder.resolve("plugins"));
    broken = plugins.resolve("my broken.jar");
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    TestBundle.plugin("probe", ProbeFactory.class).writeTo(plugins.resolve("good.jar"));
    hydra = Hydra.withPlugins(plugins, folder);
  }

  @Test
  void corruptJar() throws Exception {
    Files.writeString(broken, "half a downl");
    assertSkipped("it cannot be read: java.util.zip.ZipException: zip END header not found");
  }

  @Test
  void emptyFile() throws Exception {
    Files.createFile(broken);
    assertSkipped("it cannot be read: java.util.zip.ZipException: zip file is empty");
  }

  @Test
  void jarThatIsNoBundle() throws Exception {
    TestBundle bundle = TestBundle.plugin("bad", ProbeFactory.class);
    bundle.headers().keySet().removeIf(header -> !header.equals("Manifest-Version"));
    bundle.writeTo(broken);
    assertSkipped(
        "it is not an OSGi bundle, as plugins are: its manifest has no Bundle-SymbolicName; see"
            + " hydra plugins new");
  }

  @Test
  void builtForAnotherLibTorch() throws Exception {
    TestBundle.plugin("bad", ProbeFactory.class)
        .with("Import-Package", "dev.hydra.api,org.bytedeco.pytorch;version=\"[3.0,3.1)\"")
        .writeTo(broken);
    assertSkipped(
        "it needs package org.bytedeco.pytorch from version 3.0.0 and below 3.1.0, "
            + "but there is version 2.10.0");
  }

  @Test
  void missingPackage() throws Exception {
    TestBundle.plugin("bad", ProbeFactory.class)
        .with("Import-Package", "dev.hydra.api,com.acme.util")
        .writeTo(broken);
    assertSkipped("it needs package com.acme.util, which nothing exports");
  }

  @Test
  void missingPackageOfAnotherPlugin() throws Exception {
    TestBundle.of("acme")
        .with("Export-Package", "com.acme.util")
        .with("Import-Package", "com.acme.deep")
        .writeTo(broken);
    TestBundle.of("user")
        .with("Import-Package", "com.acme.util")
        .writeTo(plugins.resolve("user.jar"));
    Hydra.Result result = hydra.run("factories");
    assertEquals(
        List.of(
            line(broken, "it needs package com.acme.deep, which nothing exports"),
            line(
                plugins.resolve("user.jar"),
                "it needs package com.acme.util, which comes from acme and that does not start"
                    + " either")),
        result.err());
  }

  @Test
  void newerJava() throws Exception {
    TestBundle.of("bad")
        .with("Require-Capability", "osgi.ee;filter:=\"(&(osgi.ee=JavaSE)(version=99))\"")
        .writeTo(broken);
    assertSkipped("it needs osgi.ee (&(osgi.ee=JavaSE)(version=99))");
  }

  @Test
  void factoryClassThatIsNotThere() throws Exception {
    TestBundle.registering("bad", "com.acme.Factory", ProbeFactory.class).writeTo(broken);
    assertSkipped("it has no class com.acme.Factory to register");
  }

  @Test
  void serviceThatThisVersionDoesNotKnow() throws Exception {
    TestBundle.registering(
            "dev.hydra.api.TaskFactory", "bad", ProbeFactory.class.getName(), ProbeFactory.class)
        .writeTo(broken);
    assertSkipped(
        "it registers "
            + ProbeFactory.class.getName()
            + " as a dev.hydra.api.TaskFactory, which this version does not know; build it against"
            + " this version, where every plugin is a dev.hydra.api.Factory");
  }

  @Test
  void kindThatThisVersionDoesNotKnow() throws Exception {
    TestBundle.plugin("bad", PrivateKind.Task.class, PrivateKind.class).writeTo(broken);
    assertSkipped(
        PrivateKind.Task.class.getName()
            + " is a factory of the kind task, which this version does not know: the jar keeps "
            + PrivateKind.class.getName()
            + " to itself");
  }

  @Test
  void kindOfAPackageThatIsNotThere() throws Exception {
    TestBundle.plugin("bad", PrivateKind.Task.class)
        .with("Import-Package", "dev.hydra.api,dev.hydra.dist.probe")
        .writeTo(broken);
    assertSkipped("it needs package dev.hydra.dist.probe, which nothing exports");
  }

  @Test
  void factoryOfNoKind() throws Exception {
    TestBundle.plugin("bad", PrivateKind.Kindless.class).writeTo(broken);
    assertSkipped(
        PrivateKind.Kindless.class.getName()
            + " is a factory of no known kind: none of its interfaces is marked with @FactoryKind;"
            + " implement one such as dev.hydra.api.ComponentFactory");
  }

  @Test
  void classThatIsNotAFactory() throws Exception {
    TestBundle.plugin("bad", ExplodingActivator.class).writeTo(broken);
    assertSkipped(ExplodingActivator.class.getName() + " is not a dev.hydra.api.Factory");
  }

  @Test
  void factoryWithoutAPublicConstructor() throws Exception {
    TestBundle.plugin("bad", PrivateKind.Demanding.class, ProbeFactory.class).writeTo(broken);
    assertSkipped(
        PrivateKind.Demanding.class.getName() + " has no public constructor without parameters");
  }

  @Test
  void factoryWithoutAName() throws Exception {
    TestBundle bundle = TestBundle.plugin("bad", ProbeFactory.class);
    bundle
        .with(
            "Provide-Capability",
            bundle.headers().get("Provide-Capability").replaceFirst(";hydra.type=.*", ""))
        .writeTo(broken);
    assertSkipped(ProbeFactory.class.getName() + " has no name: its capability lacks hydra.type");
  }

  @Test
  void staticInitialiserThatThrows() throws Exception {
    TestBundle.plugin("bad", ExplodingFactory.class, ProbeFactory.class).writeTo(broken);
    Hydra.Result result =
        assertSkipped("java.lang.NumberFormatException: For input string: \"a bug in the plugin\"");
    assertThat(result.out()).as(result.toString()).contains("bad plugin.bad 1.2.3 unusable");
  }

  @Test
  void activatorThatThrows() throws Exception {
    TestBundle.of("bad", ExplodingActivator.class)
        .with("Bundle-Activator", ExplodingActivator.class.getName())
        .writeTo(broken);
    assertSkipped("java.lang.IllegalStateException: no licence file");
  }

  private Hydra.Result assertSkipped(String reason) throws Exception {
    Hydra.Result result = hydra.run("factories");
    assertEquals(List.of(line(broken, reason)), result.err());
    assertEquals(0, result.exitCode());
    assertThat(result.out()).as(result.toString()).contains(GOOD);
    return result;
  }

  private static String line(Path jar, String reason) {
    return "hydra: plugin " + jar + " skipped: " + reason;
  }
}
