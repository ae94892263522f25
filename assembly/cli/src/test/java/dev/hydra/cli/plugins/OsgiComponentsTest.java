package dev.hydra.cli.plugins;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.PluginId;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.Version;

/** What a bundle says of the plugin that it is. */
class OsgiComponentsTest {
  private static final String SHA256 = "0123456789abcdef".repeat(4);

  /** A bundle that has a location, a name and a version, and nothing else. */
  private static Bundle bundle(String location) {
    Map<String, Object> answers =
        Map.of(
            "getLocation",
            location,
            "getSymbolicName",
            "some.mixer",
            "getVersion",
            new Version("1.2.0"));
    return (Bundle)
        Proxy.newProxyInstance(
            Bundle.class.getClassLoader(),
            new Class<?>[] {Bundle.class},
            (proxy, method, arguments) -> answers.get(method.getName()));
  }

  @Test
  void aJarThatWasAddedLaterHasItsHash() {
    Bundle added = bundle("/run/swapped/mixer.jar#sha256=" + SHA256);
    assertEquals(Optional.of(SHA256), OsgiComponents.hash(added));
    assertEquals("some.mixer 1.2.0+0123456789ab", OsgiComponents.plugin(added).toString());
  }

  @Test
  void aJarOfTheInstallationHasNoneWhateverItsFolderIsCalled() {
    PluginId installed = PluginId.of("some.mixer", "1.2.0");
    assertEquals(
        installed, OsgiComponents.plugin(bundle("reference:file:/hydra/plugins/mixer.jar")));
    assertEquals(installed, OsgiComponents.plugin(bundle("/plugins#sha256=1/mixer.jar")));
  }
}
