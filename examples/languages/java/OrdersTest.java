import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPSClient;

/** A test against a throwaway FTPS server: java -ea -cp commons-net.jar OrdersTest.java */
public class OrdersTest {
    /** The server; closing it ends it. */
    static class Ftps implements AutoCloseable {
        final Process process;
        final String facts;

        Ftps(String... args) throws IOException {
            List<String> command = new ArrayList<>(List.of(System.getenv().getOrDefault("SALLYPORT", "sallyport"), "test"));
            command.addAll(List.of(args));
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            facts = process.inputReader().readLine();
        }

        /** Any JSON library does this better. */
        String get(String name) {
            Matcher m = Pattern.compile("\"" + name + "\":\"?([^\",}]*)").matcher(facts);
            if (!m.find()) {
                throw new IllegalStateException("no " + name + " in " + facts);
            }
            return m.group(1);
        }

        SSLContext trust() throws IOException, GeneralSecurityException {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            try (FileInputStream in = new FileInputStream(get("caFile"))) {
                store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(in));
            }
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, factory.getTrustManagers(), null);
            return context;
        }

        @Override
        public void close() throws IOException, InterruptedException {
            process.getOutputStream().close();
            process.waitFor();
        }
    }

    /** The program that is tested. */
    static FTPSClient connect(Ftps server) throws Exception {
        FTPSClient ftp = new FTPSClient(server.trust());
        ftp.setEndpointCheckingEnabled(true);
        ftp.connect(server.get("host"), Integer.parseInt(server.get("port")));
        if (!ftp.login(server.get("user"), server.get("password"))) {
            throw new IOException(ftp.getReplyString());
        }
        ftp.execPBSZ(0);
        ftp.execPROT("P");
        ftp.enterLocalPassiveMode();
        ftp.setFileType(FTP.BINARY_FILE_TYPE);
        return ftp;
    }

    static byte[] fetch(FTPSClient ftp, String name) throws IOException {
        long size = Long.parseLong(ftp.getSize(name));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        if (!ftp.retrieveFile(name, out)) {
            throw new IOException(ftp.getReplyString());
        }
        if (out.size() != size) {
            throw new IOException(name + " was cut");
        }
        return out.toByteArray();
    }

    /** Its tests. */
    public static void main(String[] args) throws Exception {
        try (Ftps server = new Ftps()) {
            FTPSClient ftp = connect(server);
            assert ftp.storeFile("report.csv", new ByteArrayInputStream("1;2;3\n".getBytes()));
            assert Files.readString(Path.of(server.get("root"), "report.csv")).equals("1;2;3\n");
            ftp.disconnect();
        }
        for (String how : List.of("fin", "rst", "clean,code=226")) {
            try (Ftps server = new Ftps("--fault", "cut:to=RETR,nth=1,after=1000,how=" + how)) {
                Files.writeString(Path.of(server.get("root"), "orders.csv"), "4;5;6\n".repeat(1000));
                FTPSClient ftp = connect(server);
                boolean noticed = false;
                try {
                    fetch(ftp, "orders.csv");
                } catch (IOException e) {
                    noticed = true;
                }
                assert noticed : how;
                ftp.disconnect();
                ftp = connect(server);
                assert fetch(ftp, "orders.csv").length == 6000;
                ftp.disconnect();
            }
        }
    }
}
