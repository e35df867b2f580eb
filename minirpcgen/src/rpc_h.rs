//! The names that <rpc/rpc.h> brings, libtirpc's: rpcgen's headers include it, and so
//! do ours where it is. A file may use them without a definition, as with rpcgen; and
//! a file that defines one of them itself goes without that header.

/// Types that libtirpc has an XDR procedure `xdr_T(XDR *, T *)` for, as C spells them.
const TYPES: [&str; 15] = [
    "netobj",
    "des_block",
    "struct opaque_auth",
    "struct accepted_reply",
    "struct rejected_reply",
    "struct authunix_parms",
    "struct pmap",
    "struct netbuf",
    "rpcb",
    "rpcblist_ptr",
    "rpcb_entry",
    "rpcb_entry_list_ptr",
    "rpcb_stat",
    "rpcbs_addrlist",
    "rpcbs_rmtcalllist",
];

/// Numbers of the RPC protocol that are macros.
const NUMBERS: &str = "\
    AUTH_DES=3 AUTH_DH=3 AUTH_KERB=4 AUTH_NONE=0 AUTH_NULL=0 AUTH_SHORT=2 AUTH_SYS=1 \
    AUTH_UNIX=1 BYTES_PER_XDR_UNIT=4 MAXNETNAMELEN=255 MAX_AUTH_BYTES=400 MAX_MACHINE_NAME=255 \
    MAX_NETOBJ_SZ=1024 NGRPS=16 NULLPROC=0 PMAPPORT=111 PMAPPROC_CALLIT=5 PMAPPROC_DUMP=4 \
    PMAPPROC_GETPORT=3 PMAPPROC_NULL=0 PMAPPROC_SET=1 PMAPPROC_UNSET=2 PMAPPROG=100000 \
    PMAPVERS=2 PMAPVERS_ORIG=1 PMAPVERS_PROTO=2 RPCBPROC_BCAST=5 RPCBPROC_CALLIT=5 \
    RPCBPROC_DUMP=4 RPCBPROC_GETADDR=3 RPCBPROC_GETADDRLIST=11 RPCBPROC_GETSTAT=12 \
    RPCBPROC_GETTIME=6 RPCBPROC_GETVERSADDR=9 RPCBPROC_INDIRECT=10 RPCBPROC_SET=1 \
    RPCBPROC_TADDR2UADDR=8 RPCBPROC_UADDR2TADDR=7 RPCBPROC_UNSET=2 RPCBPROG=100000 \
    RPCBSTAT_HIGHPROC=13 RPCBVERS=3 RPCBVERS4=4 RPCBVERS_2_STAT=0 RPCBVERS_3=3 \
    RPCBVERS_3_STAT=1 RPCBVERS_4=4 RPCBVERS_4_STAT=2 RPCBVERS_STAT=3 RPCSEC_GSS=6 \
    RPCSMALLMSGSIZE=400 RPC_MSG_VERSION=2 RPC_PMAPFAILURE=14 UDPMSGSIZE=8800";

/// And those that are enumerators.
const ENUMERATORS: &str = "\
    AUTH_BADCRED=1 AUTH_BADVERF=3 AUTH_DECODE=11 AUTH_ERROR=1 AUTH_FAILED=7 AUTH_INVALIDRESP=6 \
    AUTH_KERB_GENERIC=8 AUTH_NET_ADDR=12 AUTH_OK=0 AUTH_REJECTEDCRED=2 AUTH_REJECTEDVERF=4 \
    AUTH_TIMEEXPIRE=9 AUTH_TKT_FILE=10 AUTH_TOOWEAK=5 CALL=0 GARBAGE_ARGS=4 MSG_ACCEPTED=0 \
    MSG_DENIED=1 PROC_UNAVAIL=3 PROG_MISMATCH=2 PROG_UNAVAIL=1 REPLY=1 \
    RPCSEC_GSS_CREDPROBLEM=13 RPCSEC_GSS_CTXPROBLEM=14 RPC_AUTHERROR=7 RPC_CANTCONNECT=26 \
    RPC_CANTCREATESTREAM=28 RPC_CANTDECODEARGS=11 RPC_CANTDECODERES=2 RPC_CANTENCODEARGS=1 \
    RPC_CANTRECV=4 RPC_CANTSEND=3 RPC_FAILED=16 RPC_INPROGRESS=24 RPC_INTR=18 RPC_MISMATCH=0 \
    RPC_N2AXLATEFAILURE=22 RPC_NOBROADCAST=21 RPC_PROCUNAVAIL=10 RPC_PROGNOTREGISTERED=15 \
    RPC_PROGUNAVAIL=8 RPC_PROGVERSMISMATCH=9 RPC_RPCBFAILURE=14 RPC_STALERACHANDLE=25 \
    RPC_SUCCESS=0 RPC_SYSTEMERROR=12 RPC_TIMEDOUT=5 RPC_TLIERROR=20 RPC_UDERROR=23 \
    RPC_UNKNOWNADDR=19 RPC_UNKNOWNHOST=13 RPC_UNKNOWNPROTO=17 RPC_VERSMISMATCH=6 \
    RPC_XPRTFAILED=27 SUCCESS=0 SYSTEM_ERR=5";

/// More macros, which also a member could not be called by.
const MACROS: &str = "\
    AUTH_F_RPCTIMESYNC AUTH_F_TRYNONE CLCR_GET_LOWVERS CLCR_SET_LOWVERS CLGET_FD CLGET_PROG \
    CLGET_RETRY_TIMEOUT CLGET_SERVER_ADDR CLGET_SVC_ADDR CLGET_TIMEOUT CLGET_VERS CLGET_XID \
    CLSET_ASYNC CLSET_CONNECT CLSET_FD_CLOSE CLSET_FD_NCLOSE CLSET_POP_TIMOD CLSET_PROG \
    CLSET_PUSH_TIMOD CLSET_RETRY_TIMEOUT CLSET_SVC_ADDR CLSET_TIMEOUT CLSET_VERS CLSET_XID \
    FEEDBACK_OK FEEDBACK_REXMIT1 RPCB_MULTICAST_ADDR RPCTEST_NULL_BATCH_PROC RPCTEST_NULL_PROC \
    RPCTEST_PROGRAM RPCTEST_VERSION RPC_ANYFD RPC_ANYSOCK RPC_SERVICE_PORT \
    RPC_SVC_CONNMAXREC_GET RPC_SVC_CONNMAXREC_SET SVCGET_CONNMAXREC SVCGET_VERSQUIET \
    SVCSET_CONNMAXREC SVCSET_VERSQUIET SVC_VERSQUIET V2FIRST acpted_rply adv_nickname \
    adv_timestamp adv_timeverf adv_winverf adv_xtimestamp adv_xtimeverf ar_results ar_vers \
    authsys_parms re_errno re_lb re_vers re_why rj_vers rj_why rjcted_rply rm_call rm_reply \
    rp_acpt rp_rjct rpc_createerr rpcb_highproc_2 rpcb_highproc_3 rpcb_highproc_4 svc_fds \
    xp_sock";

/// Functions, types, tags and macros with arguments.
const OTHERS: &str = "\
    ADN_FULLNAME ADN_NICKNAME AUTH AUTH_DESTROY AUTH_MARSHALL AUTH_NEXTVERF AUTH_REFRESH \
    AUTH_UNWRAP AUTH_VALIDATE AUTH_WRAP CLIENT CLNT_ABORT CLNT_CALL CLNT_CONTROL CLNT_DESTROY \
    CLNT_FREERES CLNT_GETERR IS_UNRECOVERABLE_RPC RPCB RPCBLIST SUN_LEN SVCAUTH \
    SVCAUTH_DESTROY SVCAUTH_UNWRAP SVCAUTH_WRAP SVCEXT SVCXPRT SVCXPRT_EXT SVC_CONTROL \
    SVC_DESTROY SVC_FREEARGS SVC_GETARGS SVC_RECV SVC_REPLY SVC_STAT SVC_XP_AUTH XPRT_DIED \
    XPRT_IDLE XPRT_MOREREQS accept_stat auth_destroy auth_marshall auth_nextverf auth_refresh \
    auth_stat auth_unwrap auth_validate auth_wrap authany_unwrap authany_wrap authdes_create \
    authdes_cred authdes_fullname authdes_namekind authdes_pk_create authdes_seccreate \
    authdes_verf authnone_create authsys_create authsys_create_default authunix_create \
    authunix_create_default bindresvport_sa call_body callrpc clnt_abort clnt_broadcast \
    clnt_call clnt_control clnt_create clnt_create_timed clnt_create_vers \
    clnt_create_vers_timed clnt_destroy clnt_dg_create clnt_freeres clnt_geterr \
    clnt_pcreateerror clnt_perrno clnt_perror clnt_raw_create clnt_spcreateerror clnt_sperrno \
    clnt_sperror clnt_stat clnt_tli_create clnt_tp_create clnt_tp_create_timed clnt_vc_create \
    clntraw_create clnttcp_create clntudp_bufcreate clntudp_create clntunix_create \
    des_clnt_data dh_k4_clntdata_t get_myaddress get_rpc_createerr getnetname \
    getpublicandprivatekey getpublickey getrpcport getsecretkey host2netname \
    key_decryptsession key_encryptsession key_gendes key_secretkey_is_set key_setsecret \
    kgetnetname msg_type netname2host netname2user passwd2des pmap_getmaps pmap_getport \
    pmap_rmtcall pmap_set pmap_unset pmaplist pollfd r_rpcb_rmtcallargs r_rpcb_rmtcallres \
    registerrpc reject_stat reply_body reply_stat resultproc_t rp__list rpc_broadcast \
    rpc_broadcast_exp rpc_call rpc_err rpc_msg rpc_reg rpc_timers rpcb_entry_list rpcb_getaddr \
    rpcb_getmaps rpcb_gettime rpcb_rmtcall rpcb_rmtcallargs rpcb_rmtcallres rpcb_set \
    rpcb_stat_byvers rpcb_taddr2uaddr rpcb_uaddr2taddr rpcb_unset rpcblist rpcbproc_bcast_4 \
    rpcbproc_bcast_4_svc rpcbproc_callit_3 rpcbproc_callit_3_svc rpcbproc_dump_3 \
    rpcbproc_dump_3_svc rpcbproc_dump_4 rpcbproc_dump_4_svc rpcbproc_getaddr_3 \
    rpcbproc_getaddr_3_svc rpcbproc_getaddr_4 rpcbproc_getaddr_4_svc rpcbproc_getaddrlist_4 \
    rpcbproc_getaddrlist_4_svc rpcbproc_getstat_4 rpcbproc_getstat_4_svc rpcbproc_gettime_3 \
    rpcbproc_gettime_3_svc rpcbproc_gettime_4 rpcbproc_gettime_4_svc rpcbproc_getversaddr_4 \
    rpcbproc_getversaddr_4_svc rpcbproc_indirect_4 rpcbproc_indirect_4_svc rpcbproc_set_3 \
    rpcbproc_set_3_svc rpcbproc_set_4 rpcbproc_set_4_svc rpcbproc_taddr2uaddr_3 \
    rpcbproc_taddr2uaddr_3_svc rpcbproc_taddr2uaddr_4 rpcbproc_taddr2uaddr_4_svc \
    rpcbproc_uaddr2taddr_3 rpcbproc_uaddr2taddr_3_svc rpcbproc_uaddr2taddr_4 \
    rpcbproc_uaddr2taddr_4_svc rpcbproc_unset_3 rpcbproc_unset_3_svc rpcbproc_unset_4 \
    rpcbproc_unset_4_svc rpcbs_addrlist_ptr rpcbs_proc rpcbs_rmtcalllist_ptr rpctest_service \
    rtime sec_data sec_data_t short_hand_verf sockaddr_un svc_auth_reg svc_create svc_destroy \
    svc_dg_create svc_dg_enablecache svc_exit svc_fd_create svc_fdset svc_flags svc_freeargs \
    svc_getargs svc_getcaller svc_getcaller_netbuf svc_getreq svc_getreq_common \
    svc_getreq_poll svc_getreqset svc_getrpccaller svc_max_pollfd svc_maxfd svc_pollfd \
    svc_raw_create svc_recv svc_reg svc_register svc_reply svc_req svc_run svc_sendreply \
    svc_stat svc_tli_create svc_tp_create svc_unreg svc_unregister svc_vc_create svcerr_auth \
    svcerr_decode svcerr_noproc svcerr_noprog svcerr_progvers svcerr_systemerr svcerr_weakauth \
    svcfd_create svcraw_create svctcp6_create svctcp_create svcudp6_bufcreate svcudp6_create \
    svcudp_bufcreate svcudp_create svcudp_enablecache svcunix_create svcunixfd_create \
    taddr2uaddr u_int32 uaddr2taddr user2netname version_keepquiet xdr_accepted_reply \
    xdr_authunix_parms xdr_callhdr xdr_callmsg xdr_des_block xdr_netbuf xdr_opaque_auth \
    xdr_pmap xdr_pmaplist xdr_pmaplist_ptr xdr_rejected_reply xdr_replymsg xdr_rp__list \
    xdr_rpcb xdr_rpcb_entry xdr_rpcb_entry_list xdr_rpcb_entry_list_ptr xdr_rpcb_rmtcallargs \
    xdr_rpcb_rmtcallres xdr_rpcb_stat xdr_rpcb_stat_byvers xdr_rpcblist xdr_rpcblist_ptr \
    xdr_rpcbs_addrlist xdr_rpcbs_addrlist_ptr xdr_rpcbs_proc xdr_rpcbs_rmtcalllist \
    xdr_rpcbs_rmtcalllist_ptr xprt_register xprt_stat xprt_unregister";

/// How C spells the type.
pub fn spelling(name: &str) -> Option<&'static str> {
    types().find(|spelling| spelling.rsplit(' ').next() == Some(name))
}

/// Spellings.
pub fn types() -> impl Iterator<Item = &'static str> {
    TYPES.into_iter()
}

/// Names and values.
pub fn constants() -> impl Iterator<Item = (&'static str, &'static str)> {
    pairs(NUMBERS).chain(pairs(ENUMERATORS))
}

/// All of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    let types = types().filter_map(|spelling| spelling.rsplit(' ').next());
    let constants = constants().map(|(name, _)| name);
    types
        .chain(constants)
        .chain(words(MACROS))
        .chain(words(OTHERS))
}

/// The value of a constant.
pub fn constant(name: &str) -> Option<&'static str> {
    constants()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// Whether nothing else at file scope can have this name.
pub fn is_taken(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Whether a member of this name would be replaced.
pub fn is_macro(name: &str) -> bool {
    pairs(NUMBERS).any(|(known, _)| known == name) || words(MACROS).any(|known| known == name)
}

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(' ')
}

fn pairs(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    words(list).filter_map(|pair| pair.split_once('='))
}
